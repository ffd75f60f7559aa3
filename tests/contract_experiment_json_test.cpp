#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "contract/experiment_json.h"

namespace autoresearch {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

Experiment full_experiment() {
    Experiment experiment;
    experiment.number = 12;
    experiment.started = "2026-01-31T22:10:05Z";
    experiment.ran_on = std::string(40, 'a');
    experiment.commit = std::string(40, 'b');
    experiment.source_hash = "c0ffee";
    experiment.idea = "tab\there, \"quotes\", new\nline, ö";
    experiment.agent = {"claude", "opus", "s-1", 3, 61.5, 0.25, true, 123456789012, {"prepare/a.h", "b"}};
    Trial trial;
    trial.ending = Ending::ok;
    trial.seed = 18446744073709551615u;
    trial.val_bpb = 1.2345678901234567;
    trial.training_seconds = 300.1;
    trial.total_seconds = 330;
    trial.wall_seconds = 331.25;
    trial.cpu_seconds = 600;
    trial.peak_memory_mb = 712.5;
    trial.mfu_percent = 39.8;
    trial.tokens_m = 4.2;
    trial.num_steps = 1024;
    trial.num_params_m = 11.5;
    trial.depth = 4;
    Trial bad;
    bad.ending = Ending::timed_out;
    bad.reason = "no step for 60 s";
    experiment.trials = {trial, bad};
    experiment.verdict = {Decision::discard,
                          Ending::ok,
                          "",
                          {Ground::measured,
                           {{1, 0.02}, {9007199254740993U, 0}},
                           0.01,
                           {0.005, 2},
                           0.9,
                           0.01,
                           0.8,
                           1.5,
                           12,
                           3000,
                           {0.8, -0.25}}};
    experiment.build_seconds = 9.5;
    experiment.seconds = 400;
    return experiment;
}

std::string error_of(const json& damaged) {
    try {
        experiment_from_json(damaged);
    } catch (const std::exception& error) {
        return error.what();
    }
    return "";
}

TEST(ExperimentJson, EveryFieldComesBack) {
    const auto before = full_experiment();
    const auto line = dump_line(to_json(before));
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto after = experiment_from_json(json::parse(line));
    EXPECT_EQ(dump_line(to_json(after)), line);
    EXPECT_EQ(after.number, before.number);
    EXPECT_EQ(after.idea, before.idea);
    EXPECT_EQ(after.ran_on, before.ran_on);
    EXPECT_EQ(after.commit, before.commit);
    EXPECT_EQ(after.agent.ignored_files, before.agent.ignored_files);
    EXPECT_EQ(after.agent.tokens, before.agent.tokens);
    ASSERT_EQ(after.trials.size(), 2u);
    EXPECT_EQ(after.trials[0].seed, before.trials[0].seed);
    EXPECT_EQ(after.trials[0].val_bpb, before.trials[0].val_bpb);
    EXPECT_EQ(after.trials[0].cpu_seconds, 600);
    EXPECT_EQ(after.trials[1].ending, Ending::timed_out);
    EXPECT_EQ(after.trials[1].reason, "no step for 60 s");
    EXPECT_EQ(after.verdict.decision, Decision::discard);
    EXPECT_EQ(after.verdict.evidence.difference, 0.01);
    EXPECT_EQ(after.verdict.evidence.ground, Ground::measured);
    ASSERT_EQ(after.verdict.evidence.seeds.size(), 2U);
    EXPECT_EQ(after.verdict.evidence.seeds[1].seed, 9007199254740993U);
    EXPECT_EQ(after.verdict.evidence.noise.degrees, 2);
    EXPECT_EQ(after.verdict.evidence.equal_steps.loss, -0.25);
    EXPECT_EQ(after.seconds, 400);
}

TEST(ExperimentJson, BytesThatAreNotTextDoNotMakeAnUnreadableLine) {
    auto experiment = full_experiment();
    experiment.idea = "broken \xff\xfe utf-8";
    const auto after = experiment_from_json(json::parse(dump_line(to_json(experiment))));
    EXPECT_THAT(after.idea, HasSubstr("broken "));
}

TEST(ExperimentJson, WhatJsonHasNoNumberForDoesNotMakeAnUnreadableLine) {
    auto experiment = full_experiment();
    experiment.verdict.evidence.equal_steps.loss = std::numeric_limits<double>::infinity();
    const std::string line = dump_line(to_json(experiment));
    const auto after = experiment_from_json(json::parse(line));
    EXPECT_TRUE(std::isnan(after.verdict.evidence.equal_steps.loss));
    EXPECT_EQ(dump_line(to_json(after)), line);
}

TEST(ExperimentJson, AnOlderLedgerIsReadAndANewerOneTold) {
    const json whole = json::parse(dump_line(to_json(full_experiment())));
    json old = whole;
    old.erase("build_seconds");
    old["trials"][0].erase("cpu_seconds");
    const auto experiment = experiment_from_json(old);
    EXPECT_EQ(experiment.build_seconds, 0);
    EXPECT_EQ(experiment.trials[0].cpu_seconds, 0);
    EXPECT_EQ(experiment.trials[0].num_steps, 1024);
    json newer = whole;
    newer["trials"][1]["extra"] = 1;
    EXPECT_THAT(error_of(newer), AllOf(HasSubstr("newer autoresearch"), HasSubstr("'extra'")));
}

TEST(ExperimentJson, ALineOfVersion1KeepsItsWords) {
    const auto line = [](const char* verdict) {
        return experiment_from_json(json::parse(
            R"({"number": 3, "trials": [{"ending": "ok", "val_bpb": 1.5, "disturbed": "the machine slept"}],
                "verdict": )" +
            std::string(verdict) + "}"));
    };
    const auto judged = line(
        R"({"decision": "discard", "ending": "ok", "reason": "worse by 0.01 on 1 seed", "delta": 0.01})");
    EXPECT_EQ(judged.verdict.evidence.difference, 0.01);
    EXPECT_EQ(judged.verdict.evidence.ground, Ground::none);
    EXPECT_EQ(judged.verdict.reason, "worse by 0.01 on 1 seed");
    EXPECT_EQ(judged.trials[0].void_because, "the machine slept");
    const auto spoilt = line(
        R"({"decision": "discard", "ending": "no_result", "reason": "not judged: it slept", "delta": 0})");
    EXPECT_EQ(spoilt.verdict.decision, Decision::unjudged);
    const auto crash =
        line(R"({"decision": "crash", "ending": "no_result", "reason": "ended without", "delta": 0})");
    EXPECT_EQ(crash.verdict.decision, Decision::crash);
}

TEST(ExperimentJson, WrongTypesAreErrors) {
    const json whole = json::parse(dump_line(to_json(full_experiment())));
    const auto with = [&](const char* pointer, const json& value) {
        json damaged = whole;
        damaged[json::json_pointer(pointer)] = value;
        return error_of(damaged);
    };
    EXPECT_THAT(with("/number", "twelve"), HasSubstr("must be number, but is string"));
    EXPECT_THAT(with("/trials/0/seed", "one"), HasSubstr("must be number, but is string"));
    EXPECT_THAT(with("/trials", 3), HasSubstr("must be array, but is number"));
    EXPECT_THAT(with("/verdict/decision", "maybe"),
                HasSubstr("\"maybe\" is not one of: keep, discard, crash, unjudged"));
    EXPECT_THAT(with("/agent", nullptr), HasSubstr("null"));
    EXPECT_THAT(with("/agent/ignored_files/0", 1), HasSubstr("must be string, but is number"));
    EXPECT_THAT(with("/number", 4294967296), HasSubstr("not a whole number in range"));
    EXPECT_THAT(with("/source_tokens", 1e300), HasSubstr("not a whole number in range"));
    EXPECT_THAT(with("/trials/0/num_steps", 1.5), HasSubstr("not a whole number in range"));
    EXPECT_THAT(with("/trials/1", json::array()), HasSubstr("array"));
    EXPECT_THAT(error_of(json::array()), HasSubstr("array"));
}

TEST(ProposalJson, ComesBack) {
    Proposal before{4,
                    std::string(40, 'd'),
                    "int main() {\n\treturn 0;\n}\n",
                    "idea",
                    {"tuner", "", "", 1, 0.5, 0, false, 0, {}}};
    const auto after = proposal_from_json(json::parse(dump_line(to_json(before))));
    EXPECT_EQ(after.id, 4);
    EXPECT_EQ(after.parent, before.parent);
    EXPECT_EQ(after.source, before.source);
    EXPECT_EQ(after.idea, "idea");
    EXPECT_EQ(after.agent.name, "tuner");
    EXPECT_EQ(after.agent.seconds, 0.5);
}

}  // namespace
}  // namespace autoresearch
