#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "trainer_fixture.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A trainer that behaves as its first argument says; built once with the kit.
const char* const kCandidate = R"(
#include <autoresearch/session.h>
#include <chrono>
#include <cstring>
#include <ctime>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>
using at::Tensor;
int main(int argc, char** argv) {
    const std::string mode = argv[1];
    if (mode == "peek first") std::ifstream(std::string(argv[3]) + "/val.bin").get();
    autoresearch::Session session(argc - 1, argv + 1);
    if (mode == "again") std::printf("%s, %d more\n", std::getenv("AUTORESEARCH_FLAGS_FD") ? "told" : "not told", std::getchar());
    const int vocab = session.vocab_size();
    Tensor table = at::zeros({vocab, vocab});
    std::string data;
    for (int i = 1; i < argc; ++i)
        if (std::strcmp(argv[i - 1], "--data") == 0) data = argv[i];
    const auto wait = [] { std::this_thread::sleep_for(std::chrono::milliseconds(6500)); };
    std::ifstream validation;
    std::clock_t begun = 0;
    if (mode == "first") wait();
    if (mode == "seed") at::manual_seed(1234);
    if (mode == "seed back") at::manual_seed(1234), at::rand({}), at::manual_seed(session.seed());
    if (mode == "peek") std::ifstream(data + "/val.bin").get();
    auto batches = session.train_batches(3);
    auto honest = [&](const Tensor& tokens) { return at::embedding(table, tokens); };
    while (session.training()) {
        const auto [inputs, targets] = batches();
        if (mode == "data") {
            for (int64_t id : {inputs.sum().item<int64_t>(), targets.sum().item<int64_t>(), targets[2][5].item<int64_t>()})
                std::printf("%lld ", (long long)id);
            if (!inputs.narrow(1, 1, session.seq_len() - 1).equal(targets.narrow(1, 0, session.seq_len() - 1))) return 9;
            if (session.steps() == 20) { std::printf("%f\n", at::rand({}).item<double>()); return 0; }
        }
        if (mode == "seed later" && session.steps() == 2) at::manual_seed(1234);
        if (mode == "over" && session.progress() > 0.1) wait();
        if (mode == "open" && session.steps() == 2) validation.open(data + "/val.bin");
        if (mode == "read" && session.steps() == 2) {
            for (std::size_t total = 0; total < 1 << 20;) {
                std::ostringstream text;
                text << std::ifstream(data + "/val.bin").rdbuf();
                total += text.str().size();
            }
        }
        if (mode == "nap" && session.steps() < 10) std::this_thread::sleep_for(std::chrono::milliseconds(100));
        if (session.steps() == 1) begun = std::clock();
        if (mode == "early" && session.steps() == 2) session.evaluate(honest);
        if (mode == "memory" && session.steps() == 2) at::empty({int64_t{1} << 50});
        if (mode == "throw" && session.steps() == 2) throw std::runtime_error("something broke");
        double loss = 3.0;
        if (session.steps() == 4) loss = mode == "nan" ? NAN : mode == "blowup" ? 101 : loss;
        session.step(at::full({}, loss), inputs.numel());
    }
    if (mode == "spent") std::printf("spent %f\n", double(std::clock() - begun) / CLOCKS_PER_SEC);
    if (mode == "late") wait();
    if (mode == "overtime") session.step(at::zeros({}), 1);
    session.describe(1234567, 3, 1e6);
    if (mode == "cheat") {
        session.evaluate([&](const Tensor& t) { return 5 * at::one_hot(at::roll(t, -1, 1), vocab).to(at::kFloat); });
    } else if (mode == "drift") {
        session.evaluate([&](const Tensor& t) { return at::embedding(table += 0.01 * at::randn({vocab, vocab}), t); });
    } else if (mode == "learn") {
        session.evaluate([&](const Tensor& t) {
            for (static const auto end = std::clock() + 2 * CLOCKS_PER_SEC; std::clock() < end;) table += 0.01;
            return honest(t);
        });
    } else if (mode == "unnormalised") {
        session.evaluate([&](const Tensor& t) { return at::embedding(table, t) + 1000; });
    } else {
        session.evaluate(honest);
    }
    if (mode == "twice") session.evaluate(honest);
}
)";

class SessionTest : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        folder_ = new TempDirectory;
        const auto source = folder_->write("candidate.cpp", kCandidate);
        const auto built = run_program(std::string(TEST_BINARY_DIR) + "/kit/build-trainer '" +
                                       source.string() + "' '" + (*folder_ / "candidate").string() + "'");
        ASSERT_EQ(built.code, 0) << built.output;
    }
    static void TearDownTestSuite() { delete folder_; }

    static ProgramResult run(const std::string& mode, double budget = 0.3, int seed = 1) {
        return run_program("'" + (*folder_ / "candidate").string() + "' " + mode +
                           trainer_flags(budget, seed));
    }

    static void expect_invalid(const std::string& mode, const std::string& kind, const std::string& reason) {
        SCOPED_TRACE(mode);
        const ProgramResult result = run(mode);
        EXPECT_EQ(result.code, 1);
        EXPECT_EQ(result.output.find("val_bpb"), std::string::npos);
        ASSERT_FALSE(result.events.empty());
        EXPECT_EQ(result.events.back().at("event"), "invalid");
        EXPECT_EQ(result.events.back().at("kind"), kind);
        EXPECT_NE(result.events.back().at("reason").get<std::string>().find(reason), std::string::npos)
            << result.events.back();
        EXPECT_NE(result.output.find(reason), std::string::npos) << result.output;
    }

    static TempDirectory* folder_;
};
TempDirectory* SessionTest::folder_ = nullptr;

/// A candidate hands main's arguments on, and could hand on others.
TEST_F(SessionTest, TheHarnessesFlagsCountAndNotMainsArguments) {
    std::string flags;
    for (const std::string& word :
         {std::string("--data"), small_data().directory.string(), std::string("--device"), std::string("cpu"),
          std::string("--threads"), std::string("1"), std::string("--events-fd"), std::string("9"),
          std::string("--budget"), std::string("0.3"), std::string("--seed"), std::string("5")})
        flags += word + '\0';
    const auto file = folder_->write("flags", flags);
    const ProgramResult result =
        run_program("AUTORESEARCH_FLAGS_FD=0 '" + (*folder_ / "candidate").string() +
                    "' again --budget 500 --seed 9 --eval-tokens 64 <'" + file.string() + "'");
    ASSERT_EQ(result.code, 0) << result.output;
    EXPECT_EQ(result.events[0].at("seed"), 5);
    EXPECT_EQ(result.events[0].at("budget"), 0.3);
    EXPECT_NE(result.output.find("not told, -1 more"), std::string::npos) << result.output;
}

TEST_F(SessionTest, EventsTellTheWholeRun) {
    const ProgramResult result = run("honest", 0.8);
    ASSERT_EQ(result.code, 0) << result.output;
    ASSERT_GE(result.events.size(), 4U);
    const json& hello = result.events[0];
    EXPECT_EQ(hello.at("event"), "hello");
    EXPECT_EQ(hello.at("protocol"), 2);
    EXPECT_EQ(hello.at("split"), "val");
    EXPECT_EQ(hello.at("device"), "cpu");
    EXPECT_EQ(hello.at("seed"), 1);
    EXPECT_EQ(hello.at("threads"), 1);
    EXPECT_EQ(hello.at("data"), small_data().meta.fingerprint);
    EXPECT_EQ(result.events[1].at("event"), "step");
    EXPECT_EQ(result.events[1].at("step"), 1);
    EXPECT_EQ(result.events[1].at("seconds"), 0.0);
    const auto steps = std::count_if(result.events.begin(), result.events.end(),
                                     [](const json& event) { return event.at("event") == "step"; });
    EXPECT_LE(steps, 1 + 4);  // at most 4 a second, and the first
    const json& evaluating = result.events[result.events.size() - 2];
    EXPECT_EQ(evaluating.at("event"), "evaluating");
    EXPECT_GE(evaluating.at("seconds"), 0.8);
    const json& last = result.events.back();
    EXPECT_EQ(last.at("event"), "result");
    EXPECT_EQ(last.at("depth"), 3);
    EXPECT_EQ(last.at("num_steps"), evaluating.at("step"));
    EXPECT_GT(last.at("peak_vram_mb"), 1);
    EXPECT_GT(last.at("total_seconds"), last.at("training_seconds"));
    EXPECT_NEAR(last.at("num_params_M").get<double>(), 1.234567, 1e-9);
}

TEST_F(SessionTest, SummaryBlockIsThatOfTheOriginals) {
    const ProgramResult result = run("honest");
    const auto block = result.output.find("---\nval_bpb:          ");
    ASSERT_NE(block, std::string::npos) << result.output;
    std::istringstream lines(result.output.substr(block + 4));
    for (const char* key : {"val_bpb:          ", "training_seconds: ", "total_seconds:    ",
                            "peak_vram_mb:     ", "mfu_percent:      ", "total_tokens_M:   ",
                            "num_steps:        ", "num_params_M:     ", "depth:            "}) {
        std::string line;
        ASSERT_TRUE(std::getline(lines, line));
        EXPECT_EQ(line.compare(0, std::strlen(key), key), 0) << line;
        EXPECT_NE(line.find_last_of("0123456789"), std::string::npos);
    }
}

TEST_F(SessionTest, SameSeedSameData) {
    const std::string first = run("data", 5, 1).output;
    EXPECT_GT(first.size(), 100U);
    EXPECT_EQ(first, run("data", 5, 1).output);
    EXPECT_NE(first, run("data", 5, 2).output);
}

TEST_F(SessionTest, EndsWhenTheLossIsNotFinite) {
    expect_invalid("nan", "not_finite", "loss is nan at step 5");
    expect_invalid("blowup", "not_finite", "loss is 101");
}

TEST_F(SessionTest, EndsWhenARuleIsBroken) {
    expect_invalid("cheat", "broken_rule", "looks ahead");
    expect_invalid("early", "broken_rule", "before the budget");
    expect_invalid("overtime", "broken_rule", "after the budget");
}

TEST_F(SessionTest, ASeedOfItsOwnIsInvalid) {
    expect_invalid("seed", "broken_rule", "reseeded");
    expect_invalid("'seed later'", "broken_rule", "reseeded");
    expect_invalid("'seed back'", "broken_rule", "reseeded");
}

TEST_F(SessionTest, ReadingTheValidationFilesIsInvalid) {
    expect_invalid("open", "broken_rule", "val.bin was opened before the evaluation");
    expect_invalid("read", "broken_rule", "files were read while training");
#ifdef __linux__
    expect_invalid("'peek first'", "broken_rule", "val.bin was opened before the evaluation");
    expect_invalid("peek", "broken_rule", "val.bin was opened before the evaluation");
#endif
}

TEST_F(SessionTest, TimeBesideTheClockIsInvalid) {
    expect_invalid("first", "broken_rule", "the first step took ");
    expect_invalid("over", "broken_rule", "on a budget of");
    expect_invalid("late", "broken_rule", "after the end of training");
    expect_invalid("learn", "broken_rule", "the first call of the evaluation took ");
}

TEST_F(SessionTest, TheCpuClockDoesNotCountSleep) {
    const ProgramResult result =
        run_program("'" + (*folder_ / "candidate").string() + "' nap" + trainer_flags(0.5) + " --clock cpu");
    ASSERT_EQ(result.code, 0) << result.output;
    EXPECT_EQ(result.events.front().at("clock"), "cpu");
    EXPECT_GT(result.events.back().at("num_steps"), 10) << "five naps are longer than the budget";
    EXPECT_GE(result.events.back().at("training_seconds"), 0.5);
    EXPECT_GT(result.events.back().at("total_seconds"), 0.5 + 0.9);
    EXPECT_NE(result.output.find("training_seconds below is CPU time per thread"), std::string::npos);
}

TEST_F(SessionTest, TheCpuClockIsDividedByTheThreads) {
    for (const int threads : {1, 3}) {
        const ProgramResult result =
            run_program("'" + (*folder_ / "candidate").string() + "' spent" + trainer_flags(0.5) +
                        " --clock cpu --threads " + std::to_string(threads));
        ASSERT_EQ(result.code, 0) << result.output;
        const double spent = std::stod(result.output.substr(result.output.find("spent ") + 6));
        EXPECT_NEAR(spent, 0.5 * threads, 0.2);
    }
}

TEST_F(SessionTest, AModelThatChangesWhileItIsMeasuredIsInvalid) {
    expect_invalid("drift", "broken_rule", "logits");
}

TEST_F(SessionTest, LogitsNeedNotBeNormalised) {
    const auto bpb = [](const std::string& mode) {
        return run(mode).events.back().at("val_bpb").get<double>();
    };
    EXPECT_NEAR(bpb("unnormalised"), bpb("honest"), 1e-4);
}

TEST_F(SessionTest, TheTestSplitIsMeasuredOnRequest) {
    const std::string line = "'" + (*folder_ / "candidate").string() + "' honest" + trainer_flags(0.2);
    const auto val = run_program(line).events.back(),
               test = run_program(line + " --split test").events.back();
    EXPECT_EQ(val.at("split"), "val");
    EXPECT_EQ(test.at("split"), "test");
    EXPECT_NE(val.at("val_bpb"), test.at("val_bpb"));
}

TEST_F(SessionTest, OutOfMemoryIsToldApart) {
    expect_invalid("memory", "out_of_memory", "allocate");
}

TEST_F(SessionTest, UncaughtExceptionNamesItself) {
    const ProgramResult result = run("throw");
    EXPECT_EQ(result.code, 1);
    EXPECT_NE(result.output.find("error: something broke"), std::string::npos);
    EXPECT_NE(result.events.back().at("event"), "invalid");
}

TEST_F(SessionTest, EvaluatingTwiceIsInvalid) {
    const ProgramResult result = run("twice");
    EXPECT_EQ(result.code, 1);
    EXPECT_EQ(result.events.back().at("kind"), "broken_rule");
}

TEST_F(SessionTest, CurveHasEveryStepAndATraceIsFollowed) {
    const auto trace = folder_->write("trace.csv",
                                      "step,seconds,progress,loss,tokens\n1,0,0,3,192\n2,9,0.25,3,384\n"
                                      "3,99,0.75,3,576\n");
    const fs::path curve = *folder_ / "curve.csv";
    const auto run = run_program("'" + (*folder_ / "candidate").string() + "' honest" + trainer_flags(500) +
                                 " --trace '" + trace.string() + "' --curve-fd 8 8>'" + curve.string() + "'");
    ASSERT_EQ(run.code, 0) << run.output;
    EXPECT_EQ(run.events.back().at("num_steps"), 3);
    std::istringstream lines(read_text(curve));
    std::vector<std::string> progress;
    for (std::string line; std::getline(lines, line);) {
        const auto start = line.find(',', line.find(',') + 1) + 1;
        progress.push_back(line.substr(start, line.find(',', start) - start));
    }
    EXPECT_EQ(progress, (std::vector<std::string>{"progress", "0", "0.25", "0.75"}));
}

TEST_F(SessionTest, WhatTheHarnessItselfReadsIsNotTheCandidates) {
    const auto trace =
        folder_->write("long.csv", "step,seconds,progress,loss,tokens\n1,0,0." + std::string(300'000, '0') +
                                       ",3,192\n2,9,0.25,3,384\n3,99,0.75,3,576\n");
    const std::string flags = trainer_flags(500) + " --trace '" + trace.string() + "'";
    const std::string program = "'" + (*folder_ / "candidate").string() + "' ";
    EXPECT_EQ(run_program(program + "honest" + flags).code, 0);
    const auto reading = run_program(program + "read" + flags);
    EXPECT_EQ(reading.code, 1) << reading.output;
}

TEST_F(SessionTest, ATraceWithGapsIsRefused) {
    for (const char* bad : {"", "step,seconds\n", "step,seconds,progress,loss,tokens\n",
                            "step,seconds,progress,loss,tokens\n2,0,0,3,192\n",
                            "step,seconds,progress,loss,tokens\n1,0,1.5,3,192\n",
                            "step,seconds,progress,loss,tokens\n1,0,0,3\n"}) {
        const auto trace = folder_->write("bad.csv", bad);
        const auto run = run_program("'" + (*folder_ / "candidate").string() + "' honest" + trainer_flags(5) +
                                     " --trace '" + trace.string() + "'");
        EXPECT_EQ(run.code, 2) << bad;
        EXPECT_NE(run.output.find("bad.csv"), std::string::npos) << run.output;
    }
}

TEST_F(SessionTest, BadUseEndsWithCode2AndSaysHow) {
    const std::string program = "'" + (*folder_ / "candidate").string() + "' honest ";
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"--budgte 3", "--budgte"},
        {"--budget", "--budget"},
        {"--budget no", "--budget"},
        {"--seed 1.5", "--seed"},
        {"--device tpu", "tpu"},
        {"--clock sun", "sun"},
        {"--data /nowhere/at/all", "/nowhere/at/all"}};
    for (const auto& [flags, message] : cases) {
        const ProgramResult result = run_program(program + flags);
        EXPECT_EQ(result.code, 2) << flags;
        EXPECT_NE(result.output.find(message), std::string::npos) << result.output;
    }
    const ProgramResult nothing =
        run_program("AUTORESEARCH_DATA='" + folder_->path().string() + "' " + program);
    EXPECT_EQ(nothing.code, 2);
    EXPECT_NE(nothing.output.find("autoresearch prepare"), std::string::npos) << nothing.output;
}

TEST_F(SessionTest, ByHandTheNewestDataIsTaken) {
    const std::string root = small_data().directory.parent_path().string();
    const ProgramResult result =
        run_program("AUTORESEARCH_DATA='" + root + "' '" + (*folder_ / "candidate").string() +
                    "' honest --device cpu --budget 0.1");
    EXPECT_EQ(result.code, 0) << result.output;
    EXPECT_NE(result.output.find("val_bpb:"), std::string::npos);
}

TEST_F(SessionTest, HelpAndProbe) {
    const std::string program = "'" + (*folder_ / "candidate").string() + "' honest ";
    EXPECT_NE(run_program(program + "--help").output.find("--budget"), std::string::npos);
    const ProgramResult probe = run_program(program + "--probe --device cpu --threads 1");
    EXPECT_EQ(probe.code, 0);
    const json values = json::parse(probe.output);
    EXPECT_EQ(values.at("device"), "cpu");
    EXPECT_EQ(values.at("threads"), 1);
    EXPECT_GT(values.at("memory_mb"), 100);
    EXPECT_GT(values.at("training_memory_mb"), 60);
    EXPECT_GT(values.at("matmul_peak"), 1e6);
    EXPECT_EQ(values.at("bf16"), false);
    EXPECT_EQ(values.at("self_check"), "ok");
}

/// A cache folder of its own, where something may have been written before.
class KnownTest : public SessionTest {
  protected:
    ProgramResult run_known(const std::string& flags) {
        return run_program("XDG_CACHE_HOME='" + cache_.path().string() + "' '" +
                           (*folder_ / "candidate").string() + "' honest" + trainer_flags(0.3) + " " + flags);
    }
    json probe() { return json::parse(run_known("--probe").output); }
    static std::string known(const json& facts) { return "--known '" + facts.dump() + "'"; }
    static double mfu(const ProgramResult& run) {
        return run.events.empty() ? -1 : run.events.back().value("mfu_percent", -1.0);
    }
    std::filesystem::path devices() const { return cache_ / "autoresearch/devices.json"; }
    TempDirectory cache_;
};

TEST_F(KnownTest, WithItNothingIsMeasuredOrRemembered) {
    json facts = probe();
    EXPECT_TRUE(fs::exists(devices()));
    fs::remove(devices());
    facts["matmul_peak"] = facts["matmul_peak"].get<double>() / 1e3;
    const ProgramResult slow = run_known(known(facts));
    EXPECT_EQ(slow.code, 0) << slow.output;
    facts["matmul_peak"] = facts["matmul_peak"].get<double>() * 1e6;
    const ProgramResult fast = run_known(known(facts));
    EXPECT_GT(mfu(slow), 1e3 * mfu(fast)) << slow.output << fast.output;
    EXPECT_FALSE(fs::exists(devices()));
    facts["self_check"] = "sums are wrong";
    const ProgramResult wrong = run_known(known(facts));
    EXPECT_EQ(wrong.code, 2);
    EXPECT_NE(wrong.output.find("computes wrong results: sums are wrong"), std::string::npos) << wrong.output;
    EXPECT_EQ(run_known("").code, 0) << "by hand it is measured";
    EXPECT_TRUE(fs::exists(devices()));
}

TEST_F(KnownTest, TheProbeBelievesNoCache) {
    probe();
    json all = json::parse(read_text(devices()));
    for (auto& device : all) device["self-check"] = "a lie", device["matmul peak"] = 1e30;
    cache_.write("autoresearch/devices.json", all.dump());
    EXPECT_EQ(run_known("").code, 2) << "by hand the cache counts";
    const json facts = probe();
    EXPECT_EQ(facts["self_check"], "ok");
    EXPECT_LT(facts["matmul_peak"], 1e20);
    EXPECT_EQ(run_known("").code, 0) << "and is right again";
}

TEST_F(KnownTest, WhatCannotBeIsRefused) {
    const json facts = probe();
    json other = facts, none = facts, partial = facts;
    other["device"] = "cuda";
    none["matmul_peak"] = 0;
    partial.erase("bf16");
    for (const std::string& wrong :
         {known(other), known(none), known(partial), known(json::array()), std::string("--known measure")}) {
        const ProgramResult refused = run_known(wrong);
        EXPECT_EQ(refused.code, 2) << wrong;
        EXPECT_NE(refused.output.find("--known"), std::string::npos) << refused.output;
    }
}

TEST_F(KnownTest, MemoryIsPlannedByIt) {
    json facts = probe();
    facts["training_memory_mb"] = 12345;
    const ProgramResult forecast =
        run_program("'" TEST_BINARY_DIR "/train' --forecast " + known(facts) + trainer_flags(1));
    EXPECT_EQ(json::parse(forecast.output).at("available_mb"), 12345) << forecast.output;
}

}  // namespace
}  // namespace autoresearch
