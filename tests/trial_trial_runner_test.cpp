#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>

#include <cstdlib>
#include <map>

#include "proc/signals.h"
#include "temp_directory.h"
#include "trial/trial_events.h"
#include "trial/trial_runner.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct CountingReporter : Reporter {
    std::vector<std::string> details;
    void phase(int, const std::string&) override {}
    void progress(const Progress& now) override { details.push_back(now.detail); }
    void finished(const Experiment&) override {}
    void note(const std::string&) override {}
};

/// Runs tests/programs/trainer.cpp; the name of the data set is the behaviour.
class TrialRunnerTest : public ::testing::Test {
  protected:
    void SetUp() override {
        spec_.device = "cpu";
        spec_.threads = 2;
        spec_.seed = 7;
        set_limits(5, 5, 5);
    }
    void set_limits(double startup, double grace, double evaluation) {
        spec_.startup_limit = startup;
        spec_.grace = grace;
        spec_.eval_limit = evaluation;
    }
    Trial run(const std::string& behaviour, const StopRequest& stop = NeverStop()) {
        return TrialRunner(behaviour, reporter_, stop).run(request());
    }
    TrialRequest request() const {
        TrialRequest request{spec_, std::filesystem::path(TEST_BINARY_DIR) / "program_trainer",
                             directory_.path()};
        request.spec.budget = budget_;
        return request;
    }
    void expect(const std::string& behaviour, Ending ending, const std::string& reason) {
        const Trial trial = run(behaviour);
        EXPECT_EQ(to_string(trial.ending), to_string(ending)) << behaviour << ": " << trial.reason;
        EXPECT_THAT(trial.reason, HasSubstr(reason)) << behaviour;
        EXPECT_EQ(trial.val_bpb, 0) << behaviour << ": a failed trial has no metric";
        EXPECT_EQ(trial.seed, 7u);
        EXPECT_LT(trial.wall_seconds, 10) << behaviour << " was not ended promptly";
    }
    std::string text(const std::string& name) const { return read_text(directory_ / name); }

    TempDirectory directory_;
    CountingReporter reporter_;
    double budget_ = 0.05;
    TrialSpec spec_;
};

TEST_F(TrialRunnerTest, AGoodResultBringsItsNumbers) {
    const Trial trial = run("good");
    EXPECT_EQ(to_string(trial.ending), "ok") << trial.reason;
    EXPECT_EQ(trial.reason, "");
    EXPECT_EQ(trial.seed, 7u);
    EXPECT_DOUBLE_EQ(trial.val_bpb, 1.75);
    EXPECT_DOUBLE_EQ(trial.training_seconds, 0.05);
    EXPECT_DOUBLE_EQ(trial.total_seconds, 1.5);
    EXPECT_DOUBLE_EQ(trial.peak_memory_mb, 123.5);
    EXPECT_DOUBLE_EQ(trial.mfu_percent, 12.5);
    EXPECT_DOUBLE_EQ(trial.tokens_m, 0.25);
    EXPECT_EQ(trial.num_steps, 2);
    EXPECT_DOUBLE_EQ(trial.num_params_m, 3.5);
    EXPECT_EQ(trial.depth, 4);
    EXPECT_GT(trial.wall_seconds, 0.05);
    EXPECT_THAT(reporter_.details, ::testing::Contains("step 1, loss 5.2500"));
}

TEST_F(TrialRunnerTest, KeepsLogEventsAndCurve) {
    run("good");
    EXPECT_THAT(
        std::string(first_line(text("run.log"))),
        HasSubstr("program_trainer --data good --budget 0.05 --seed 7 --device cpu --threads 2 --events-fd 3 "
                  "--curve-fd 4"));
    EXPECT_THAT(text("events.jsonl"), HasSubstr(R"({"event":"hello","protocol":2,"device":"cpu","seed":7,)"));
    EXPECT_THAT(text("events.jsonl"), HasSubstr(R"("event":"result")"));
    EXPECT_EQ(text("curve-7.csv"), "1,0.01,0.5,5.25,7\n2,0.01,0.5,5.25,7\n");
    const std::string first_log = text("run.log");
    run("quiet");
    EXPECT_THAT(text("run.log"), StartsWith(first_log)) << "a second trial appends";
}

TEST_F(TrialRunnerTest, SetsTheTrainersEnvironment) {
    const std::map<std::string, std::string> keys = {{"SOME_API_KEY", "k"},
                                                     {"AWS_SECRET_ACCESS_KEY", "Zq7wX0y1v9R-1"},
                                                     {"SSH_AUTH_SOCK", "/"},
                                                     {"some_proxy", "http://ada:secret@127.0.0.1"}};
    for (const auto& [name, value] : keys) ::setenv(name.c_str(), value.c_str(), 1);
    ::setenv("PYTORCH_ENABLE_MPS_FALLBACK", "1", 1);
    EXPECT_EQ(run("environment").ending, Ending::ok);
    const std::string log = text("run.log");
    EXPECT_THAT(log, HasSubstr("\nOMP_WAIT_POLICY=passive\n"));
    EXPECT_THAT(log, HasSubstr("\nOMP_NUM_THREADS=2\n"));
    EXPECT_THAT(log, HasSubstr("\nPYTORCH_MPS_HIGH_WATERMARK_RATIO=1.0\n"));
    EXPECT_THAT(log, HasSubstr("\nPYTORCH_MPS_LOW_WATERMARK_RATIO=0.8\n"));
    EXPECT_THAT(log, Not(HasSubstr("MPS_FALLBACK")));
    for (const auto& [name, value] : keys) {
        EXPECT_THAT(log, Not(HasSubstr(name)));
        ::unsetenv(name.c_str());
    }
    ::unsetenv("PYTORCH_ENABLE_MPS_FALLBACK");
}

TEST_F(TrialRunnerTest, EveryPhaseHasItsLimit) {
    set_limits(0.2, 5, 5);
    expect("hang_at_start", Ending::timed_out, "no first step within 0.2 s");
    expect("ignore_term", Ending::timed_out, "no first step within 0.2 s");
    set_limits(5, 5, 0.2);
    expect("hang_in_evaluation", Ending::timed_out, "the evaluation took longer than 0.2 s");
    set_limits(5, 0.2, 5);
    expect("hang_in_training", Ending::timed_out, "still training 0.2 s after its budget of 0.05 s");
    expect("hang_at_exit", Ending::timed_out, "did not end within 0.2 s of its result");
}

TEST_F(TrialRunnerTest, CrashesSayHowAndWhere) {
    expect("segfault", Ending::crashed, "Segmentation fault: step 1 loss 5.25");
    expect("throw", Ending::crashed, "Aborted: shape [3, 4] does not fit");
    expect("exit3", Ending::crashed, "exit code 3: layer 7 has no gradient");
    expect("result_then_exit1", Ending::crashed, "exit code 1");
}

TEST_F(TrialRunnerTest, WantOfMemoryIsToldApart) {
    expect("killed", Ending::out_of_memory, "killed by the system");
    expect("memory", Ending::out_of_memory, "std::bad_alloc");
    expect("memory", Ending::out_of_memory, "MB; fewer rows at a time need less");
    expect("memory_words", Ending::out_of_memory, "MPS backend out of memory");
    expect("device_memory", Ending::out_of_memory, "MPS is full");
}

TEST_F(TrialRunnerTest, TheReasonIsNotThatOfAnEarlierTrial) {
    run("memory_words");
    expect("segfault", Ending::crashed, "Segmentation fault");
    EXPECT_EQ(run("quiet").reason, "ended without a result");
}

TEST_F(TrialRunnerTest, AnInvalidEventIsItsKind) {
    expect("not_finite", Ending::not_finite, "loss is nan at step 12");
    expect("broken_rule", Ending::invalid, "it looks ahead");
    expect("invalid_then_result", Ending::invalid, "it looks ahead");
}

TEST_F(TrialRunnerTest, StdoutIsNeverBelieved) {
    expect("quiet", Ending::no_result, "ended without a result");
    expect("summary_only", Ending::invalid, "a summary of its own");
    expect("summary_without_training", Ending::invalid, "a summary of its own");
}

TEST_F(TrialRunnerTest, NumbersThatAreNoneAreInvalid) {
    expect("nan", Ending::invalid, "its result is not JSON");
    expect("huge", Ending::invalid, "its result is not JSON");
    expect("null", Ending::invalid, "val_bpb");
    expect("text", Ending::invalid, "val_bpb");
    expect("zero", Ending::invalid, "not above zero");
    expect("negative", Ending::invalid, "not above zero");
    expect("enormous", Ending::invalid, "above what the evaluation can give");
    expect("incomplete", Ending::invalid, "training_seconds");
    expect("two_results", Ending::invalid, "more than one result");
}

TEST_F(TrialRunnerTest, AResultWithoutTheWholeTrainingIsInvalid) {
    budget_ = 0.8;  // far above the slack for a busy machine
    expect("early", Ending::invalid, "reported early");
    expect("early_and_honest", Ending::invalid, "reported early");
    expect("no_training", Ending::invalid, "reported early");
    budget_ = 0.05;
    expect("no_steps", Ending::invalid, "without a training step");
    expect("overstated", Ending::invalid, "claims 500.1 s");
}

TEST_F(TrialRunnerTest, CpuTimeMayBeLessThanOursAndNeverMore) {
    budget_ = 0.8;
    expect("waited", Ending::invalid, "it claims 0.8 s of training, but 2.");
    spec_.clock = ClockKind::cpu;
    EXPECT_EQ(to_string(run("waited").ending), "ok");
    EXPECT_THAT(text("run.log"), HasSubstr(" --threads 2 --clock cpu --events-fd "));
    expect("overstated", Ending::invalid, "claims 500.8 s");
    budget_ = 0.05;
    spec_.grace = 0.2;
    expect("hang_in_training", Ending::timed_out, "still training 0.2 s after 4 times its budget of 0.05 s");
}

TEST_F(TrialRunnerTest, ATrainerOfAnotherKindIsEndedAtOnce) {
    expect("other_protocol", Ending::invalid, "version 99 of the event protocol");
    spec_.data = "the right one";
    expect("other_data", Ending::invalid,
           R"(the trainer was asked for data "the right one", but says "another")");
    spec_.data = "";
    expect("other_threads", Ending::invalid, "the trainer was asked for threads 2, but says 3");
    expect("no_hello", Ending::invalid, "did not say what it was asked for");
    expect("two_hellos", Ending::invalid, "began twice");
}

TEST_F(TrialRunnerTest, GarbageOnTheChannelIsSkipped) {
    EXPECT_EQ(to_string(run("garbage").ending), "ok");
}

TEST_F(TrialRunnerTest, AFloodOnStdoutIsCappedAndHarmless) {
    EXPECT_EQ(to_string(run("flood").ending), "ok");
    EXPECT_LT(text("run.log").size(), 34u << 20);
}

TEST_F(TrialRunnerTest, ARunawayIsOutOfMemory) {
    spec_.memory_limit = 0.2;
    expect("runaway", Ending::out_of_memory, "more than the 0.2 GB of --memory-limit");
}

TEST_F(TrialRunnerTest, AHopelessTrialEndsEarly) {
    TrialRequest hopeless = request();
    hopeless.spec.budget = 60;
    hopeless.spec.stop = {{0.5, 5}, {0.7, 3}};
    const NeverStop stop;
    const Trial trial = TrialRunner("hang_in_training", reporter_, stop).run(hopeless);
    EXPECT_EQ(to_string(trial.ending), "ended_early");
    EXPECT_EQ(trial.reason,
              "sure to lose: training loss 5.2500 at 50 % of the budget, where 5.0000 is too much");
    EXPECT_LT(trial.wall_seconds, 10);
}

TEST_F(TrialRunnerTest, AThresholdThatIsKeptOrNotReachedEndsNothing) {
    const NeverStop stop;
    for (const StopThreshold& threshold : {StopThreshold{0.5, 5.3}, StopThreshold{0.7, 3}}) {
        TrialRequest hopeful = request();
        hopeful.spec.stop = {threshold};
        EXPECT_EQ(to_string(TrialRunner("good", reporter_, stop).run(hopeful).ending), "ok")
            << threshold.share;
    }
}

TEST_F(TrialRunnerTest, StepsThatAreTakenAgainReachTheTrainerAsAFile) {
    TrialRequest again = request();
    again.spec.shares = {0, 0.1, 1.0 / 3};
    const NeverStop stop;
    EXPECT_EQ(to_string(TrialRunner("good", reporter_, stop).run(again).ending), "ok");
    EXPECT_THAT(std::string(first_line(text("run.log"))), HasSubstr("/trace-7.csv"));
    EXPECT_EQ(text("trace-7.csv"),
              "step,seconds,progress,loss,tokens\n1,0,0,0,0\n2,0,0.10000000000000001,0,0\n3,0,0."
              "33333333333333331,0,0\n");
}

TEST_F(TrialRunnerTest, WhatIsKnownOfTheDeviceReachesTheTrainer) {
    spec_.known = R"({"device":"cpu","bf16":false})";
    EXPECT_EQ(to_string(run("good").ending), "ok");
    EXPECT_THAT(std::string(first_line(text("run.log"))), HasSubstr(" --known " + spec_.known + " "));
}

TEST_F(TrialRunnerTest, TheTestSplitIsAFlag) {
    TrialRequest final = request();
    final.spec.split = Split::test;
    const NeverStop stop;
    EXPECT_EQ(to_string(TrialRunner("good", reporter_, stop).run(final).ending), "ok");
    EXPECT_THAT(std::string(first_line(text("run.log"))), ::testing::EndsWith(" --split test"));
}

TEST_F(TrialRunnerTest, RecordsTheConditions) {
    const Trial trial = run("good");
    EXPECT_GT(trial.cpu_seconds, 0);
    EXPECT_LT(trial.cpu_seconds, 5);
    EXPECT_GE(trial.conditions.wait_seconds, 0);
    EXPECT_EQ(trial.void_because, "");
}

TEST(Disturbance, IsWhatIsCertain) {
    EXPECT_EQ(disturbance({100, 50, 0.9, false}), "") << "load";
    EXPECT_EQ(disturbance({0, 0, 3600, true}), "the machine slept for 3600 s");
    EXPECT_THAT(disturbance({0, 0, 0, true}), HasSubstr("heat"));
    EXPECT_EQ(disturbance({0, 0, 0, true, 0, 25}), "autoresearch or the trial was stopped for 25 s");
}

TEST_F(TrialRunnerTest, AStopIsInterrupted) {
    struct Later : StopRequest {
        std::chrono::steady_clock::time_point at =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
        bool after_experiment() const override { return now(); }
        bool now() const override { return std::chrono::steady_clock::now() > at; }
    };
    EXPECT_EQ(to_string(run("hang_at_start", Later()).ending), "interrupted");
}

TEST_F(TrialRunnerTest, AProgramThatIsNotThereIsACrash) {
    TrialRequest missing = request();
    missing.program = directory_ / "none";
    const NeverStop stop;
    const Trial trial = TrialRunner("good", reporter_, stop).run(missing);
    EXPECT_EQ(to_string(trial.ending), "crashed");
    EXPECT_THAT(trial.reason, HasSubstr("cannot start"));
}

TEST(LastMeaningfulLine, SkipsStackFramesAndTakesTheExceptionsWords) {
    EXPECT_EQ(last_meaningful_line(
                  "a\nterminate called after throwing an instance of 'c10::Error'\n  what():  size 3 != 4\n"
                  "Exception raised from f at x.cpp:1 (most recent call first):\nframe #0: g\n"),
              "size 3 != 4");
    EXPECT_EQ(last_meaningful_line("step 1\rstep 2\rstep 3 loss 5\n\n"), "step 3 loss 5");
    EXPECT_EQ(last_meaningful_line("error: no data\nhint: prepare it\n"), "error: no data");
    EXPECT_EQ(last_meaningful_line("  \n"), "");
}

}  // namespace
}  // namespace autoresearch
