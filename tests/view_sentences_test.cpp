#include <gtest/gtest.h>

#include "view/sentences.h"

namespace autoresearch {
namespace {

Verdict measured(double difference) {
    Verdict verdict{Decision::discard, Ending::ok, "", {}};
    verdict.evidence.ground = Ground::measured;
    verdict.evidence.seeds = {{1, difference}};
    verdict.evidence.difference = difference;
    return verdict;
}

TEST(Sentences, AWholeComparison) {
    Verdict verdict = measured(-0.0115);
    verdict.evidence = {
        Ground::within_noise, {{1, -0.02}, {2, -0.003}}, -0.0115, {0.01, 2}, 0.05, 0.01, 0.8, 1.6, -100, 1000,
        {1.2, -0.0123}};
    EXPECT_EQ(
        verdict_sentence(verdict),
        "within the noise: better by 0.01150 on 2 seeds: -0.02000 -0.00300, confidence 95.0 % (99.0 % "
        "needed), "
        "noise 0.01000; source -100 tokens (-10.0 %); 0.80x the steps per second; 1.6x the memory; faster, "
        "better steps: 1.20x as many, loss -0.0123 at equal steps");
}

TEST(Sentences, OneSeedAndNothingBesides) {
    EXPECT_EQ(verdict_sentence(measured(0.01)), "worse by 0.01000 on 1 seed");
    EXPECT_EQ(verdict_sentence(measured(0)), "equal on 1 seed");
}

TEST(Sentences, StepsAsFastAreNotCalledFaster) {
    Verdict verdict = measured(0.01);
    verdict.evidence.equal_steps = {0.99, 0.2};
    EXPECT_EQ(verdict_sentence(verdict),
              "worse by 0.01000 on 1 seed; no better steps: 0.99x as many, loss +0.2000 at equal steps");
}

TEST(Sentences, TheBaseline) {
    Verdict verdict{Decision::keep, Ending::ok, "", {}};
    verdict.evidence.ground = Ground::baseline;
    EXPECT_EQ(verdict_sentence(verdict), "baseline");
    verdict.evidence.noise = {0.01, 2};
    EXPECT_EQ(verdict_sentence(verdict), "baseline; noise 0.01000 between 3 seeds");
}

TEST(Sentences, WithoutEvidenceTheRecordedReason) {
    EXPECT_EQ(verdict_sentence({Decision::crash, Ending::crashed, "SIGSEGV", {}}), "SIGSEGV");
    EXPECT_EQ(verdict_sentence({Decision::discard, Ending::ok, "worse, said version 1", {}}),
              "worse, said version 1");
}

}  // namespace
}  // namespace autoresearch
