#include <gmock/gmock.h>

#include "view/result_table.h"

namespace autoresearch {
namespace {

Experiment experiment(int number, Decision decision, double val_bpb, double delta) {
    Experiment result;
    result.number = number;
    result.idea = "idea " + std::to_string(number);
    result.seconds = 30;
    result.verdict.decision = decision;
    result.verdict.evidence.difference = delta;
    if (val_bpb > 0) {
        result.trials.resize(1);
        result.trials[0].ending = Ending::ok;
        result.trials[0].val_bpb = val_bpb;
        result.trials[0].peak_memory_mb = 512;
    }
    return result;
}

std::string table(const std::vector<Experiment>& all) {
    std::string rows;
    for (const Experiment& one : all) rows += experiment_line(one, false) + "\n";
    const Experiment* best = incumbent_of(all);
    return result_table(rows, best == nullptr ? -1 : best->number, result_sums(all), false);
}

TEST(ResultTable, ColumnsAreAlignedAndTheIncumbentMarked) {
    auto crash = experiment(3, Decision::crash, 0, 0);
    crash.verdict.ending = Ending::build_failed;
    crash.verdict.reason = "train.cpp:7: error";
    auto unjudged = experiment(4, Decision::unjudged, 0, 0);
    unjudged.verdict.ending = Ending::no_result;
    unjudged.verdict.reason = "the machine slept";
    const std::vector<Experiment> all = {experiment(0, Decision::keep, 1.5, 0),
                                         experiment(1, Decision::keep, 1.4, -0.1),
                                         experiment(2, Decision::discard, 1.6, 0.2), crash, unjudged};
    EXPECT_EQ(table(all),
              "     #  verdict    val_bpb      delta    memory      time  idea\n"
              "     0  baseline  1.500000          -    0.5 GB      30 s  idea 0\n"
              "*    1  keep      1.400000  -0.100000    0.5 GB      30 s  idea 1\n"
              "     2  discard   1.600000  +0.200000    0.5 GB      30 s  idea 2\n"
              "     3  crash            -          -         -      30 s  idea 3  (build_failed: "
              "train.cpp:7: error)\n"
              "     4  unjudged         -          -         -      30 s  idea 4  (no fair trial: the "
              "machine slept)\n"
              "4 experiments: 1 kept, 1 discarded, 1 crashed, 1 unjudged; best val_bpb 1.400000 (experiment "
              "1, -0.100000 "
              "against "
              "the baseline)\n");
}

TEST(ResultTable, WithoutAnEditThereIsNoIdea) {
    auto none = experiment(1, Decision::crash, 0, 0);
    none.idea = "no proposal";
    none.verdict.ending = Ending::no_proposal;
    none.verdict.reason = "the agent left train.cpp unchanged";
    EXPECT_THAT(experiment_line(none, false),
                ::testing::EndsWith("  no edit: the agent left train.cpp unchanged"));
}

TEST(ResultTable, SumsUpWhatTheAgentCost) {
    std::vector<Experiment> all = {experiment(0, Decision::keep, 1.5, 0),
                                   experiment(1, Decision::keep, 1.4, -0.1),
                                   experiment(2, Decision::discard, 1.6, 0.2)};
    EXPECT_EQ(table(all).find("agent:"), std::string::npos);
    all[1].agent = {"a", "m", "s", 2, 61, 0.25, false, 1000, {}};
    all[2].agent = {"a", "m", "s", 1, 30, 0.5, true, 500, {}};
    EXPECT_THAT(table(all), ::testing::EndsWith("\nagent: 3 calls, 91 s, 1500 tokens, $0.75 (estimated)\n"));
}

TEST(ResultTable, SaysWhenThereIsNothing) {
    EXPECT_EQ(result_table("", -1, "", true), "no experiments yet\n");
}

TEST(ResultTable, AVerdictHasItsColor) {
    const Experiment kept = experiment(12, Decision::keep, 1.5, 0.1),
                     dropped = experiment(12345, Decision::unjudged, 1.5, 0.1);
    EXPECT_THAT(experiment_line(kept, true),
                ::testing::StartsWith("  12  \x1b[32mkeep   \x1b[0m   1.500000"));
    EXPECT_THAT(experiment_line(dropped, true),
                ::testing::StartsWith("12345  \x1b[2munjudged\x1b[0m  1.500000"));
    EXPECT_THAT(result_table(experiment_line(kept, false), 0, "sums\n", true),
                ::testing::EndsWith("\n* " + experiment_line(kept, true) + "\nsums\n"));
}

}  // namespace
}  // namespace autoresearch
