#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "contract/experiment_json.h"

namespace autoresearch {
namespace {

using nlohmann::json;

TrialSpec full_spec() {
    TrialSpec spec;
    spec.experiment = 12;
    spec.attempt = 2;
    spec.source = "int main() {}\n// \u00f6\n";
    spec.source_hash = "0123456789abcdef";
    spec.kit = "k";
    spec.torch = "2.13.0";
    spec.data = "d";
    spec.seed = 18446744073709551615U;
    spec.budget = 0.1;
    spec.shares = {0, 0.1, 1.0 / 3};
    spec.clock = ClockKind::cpu;
    spec.device = "mps";
    spec.known = R"({"device":"mps"})";
    spec.threads = 8;
    spec.split = Split::test;
    spec.build_limit = 1, spec.startup_limit = 2, spec.grace = 3, spec.eval_limit = 4;
    spec.memory_limit = 5.5;
    spec.stop = {{0.3, 4.25}, {0.5, 4}};
    return spec;
}

TEST(TrialSpec, EveryMemberComesBack) {
    const json written = to_json(full_spec());
    const json defaults = to_json(TrialSpec{});
    ASSERT_EQ(written.size(), defaults.size());
    for (const auto& item : written.items())
        EXPECT_NE(item.value(), defaults.at(item.key())) << item.key() << " is not tried";
    const TrialSpec read = trial_spec_from_json(json::parse(written.dump()));
    EXPECT_EQ(to_json(read), written);
    EXPECT_EQ(read.shares[2], 1.0 / 3) << "to the last bit";
    EXPECT_EQ(read.stop[0].loss, 4.25);
    EXPECT_EQ(read.clock, ClockKind::cpu);
}

TEST(TrialSpec, WhatIsMissingOrUnknownIsAnError) {
    const json whole = to_json(full_spec());
    for (const auto& item : whole.items()) {
        json damaged = whole;
        damaged.erase(item.key());
        EXPECT_THROW(trial_spec_from_json(damaged), std::exception) << item.key();
    }
    json newer = whole;
    newer["lane"] = 1;
    EXPECT_THROW(trial_spec_from_json(newer), std::exception);
    json wrong = whole;
    wrong["clock"] = "sundial";
    EXPECT_THROW(trial_spec_from_json(wrong), std::exception);
    EXPECT_THROW(trial_spec_from_json(json::array()), std::exception);
}

}  // namespace
}  // namespace autoresearch
