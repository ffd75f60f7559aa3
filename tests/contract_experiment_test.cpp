#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <stdexcept>

#include "contract/experiment.h"

namespace autoresearch {
namespace {

TEST(Names, EveryEndingHasItsOwnNameAndComesBack) {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(Ending::interrupted); ++i) {
        const auto ending = static_cast<Ending>(i);
        names.insert(to_string(ending));
        EXPECT_EQ(from_string<Ending>(to_string(ending)), ending);
    }
    EXPECT_EQ(names.size(), static_cast<std::size_t>(Ending::interrupted) + 1);
    EXPECT_EQ(to_string(Ending::timed_out), "timed_out");
    EXPECT_EQ(to_string(Ending::no_result), "no_result");
    EXPECT_THROW(from_string<Ending>("fine"), std::invalid_argument);
}

TEST(Names, DecisionsComeBack) {
    for (const auto decision : {Decision::keep, Decision::discard, Decision::crash, Decision::unjudged}) {
        EXPECT_EQ(from_string<Decision>(to_string(decision)), decision);
    }
    EXPECT_THROW(from_string<Decision>("KEEP"), std::invalid_argument);
}

TEST(TrialNumbers, AreSetAndReadByOneList) {
    Trial trial;
    double value = 1.5;
    for (const TrialNumber& number : kTrialNumbers) number.set(trial, value++);
    EXPECT_EQ(trial.val_bpb, 1.5);
    EXPECT_EQ(trial.peak_memory_mb, 4.5);
    EXPECT_EQ(trial.num_steps, 7) << "a whole number";
    EXPECT_EQ(kTrialNumbers[0].value(trial), 1.5);
    EXPECT_EQ(kTrialNumbers[6].value(trial), 7);
    for (const double wild : {1e300, -5.0, HUGE_VAL}) {
        kTrialNumbers[6].set(trial, wild);
        EXPECT_GE(trial.num_steps, 0) << wild;
    }
}

TEST(Experiment, ValBpbIsTheMeanOfGoodTrialsOnly) {
    Experiment experiment;
    EXPECT_EQ(experiment.val_bpb(), 0);
    experiment.trials.resize(3);
    experiment.trials[0].ending = Ending::ok;
    experiment.trials[0].val_bpb = 1.5;
    experiment.trials[0].peak_memory_mb = 700;
    experiment.trials[1].ending = Ending::timed_out;
    experiment.trials[1].val_bpb = 9;
    experiment.trials[1].peak_memory_mb = 800;
    experiment.trials[2].ending = Ending::ok;
    experiment.trials[2].val_bpb = 1.25;
    EXPECT_DOUBLE_EQ(experiment.val_bpb(), 1.375);
    EXPECT_DOUBLE_EQ(experiment.peak_memory_mb(), 800);
}

TEST(Incumbent, IsTheLatestKeptExperiment) {
    std::vector<Experiment> all(4);
    EXPECT_EQ(incumbent_of(all), nullptr) << "all are crashes";
    all[0].verdict.decision = all[2].verdict.decision = Decision::keep;
    all[3].verdict.decision = Decision::discard;
    EXPECT_EQ(incumbent_of(all), &all[2]);
    EXPECT_EQ(incumbent_of({}), nullptr);
}

}  // namespace
}  // namespace autoresearch
