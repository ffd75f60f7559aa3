#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "autoresearch/error.h"
#include "contract/experiment_json.h"
#include "contract/trial_spec.h"
#include "proc/signals.h"
#include "temp_directory.h"
#include "trial/node.h"
#include "util/fd.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

/// A node whose build recipe gives tests/programs/trainer.cpp; the data set's name is the behaviour.
class NodeTest : public ::testing::Test {
  protected:
    NodeTest() {
        directory_.write(
            "kit/build-trainer",
            "#!/bin/sh\necho built >> '" + builds().string() +
                "'\ngrep -q broken \"$1\" && { echo 'train.cpp:1: error: broken' >&2; exit 1; }\n"
                "cp '" TEST_BINARY_DIR "/program_trainer' \"$2\"\n");
        fs::permissions(directory_ / "kit/build-trainer", fs::perms::owner_all);
        place_.walls.kit.directory = directory_ / "kit";
        place_.walls.kit.hash = "kit-hash";
        place_.walls.kit.torch_version = "2.13.0";
        place_.data_root = directory_ / "data";
        place_.programs = directory_ / "programs";
        fs::create_directories(directory_ / "data/good");
        fs::create_directories(directory_ / "data/hang_in_training");
        spec_.kit = "kit-hash";
        spec_.torch = "2.13.0";
        spec_.data = "good";
        spec_.source = "int main() {}";
        spec_.seed = 7;
        spec_.budget = 0.05;
        spec_.grace = 5;
    }
    fs::path builds() const { return directory_ / "builds"; }

    std::vector<json> run() {
        const fs::path answer = directory_ / "answer";
        const Fd out(::open(answer.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        EXPECT_TRUE(run_node(to_json(spec_).dump(), place_, out.get(), NeverStop()));
        std::vector<json> lines;
        const std::string text = read_text(answer);
        for (const std::string_view line : split_lines(text)) lines.push_back(json::parse(line));
        return lines;
    }
    Trial trial() { return trial_from_json(run().back().at("trial")); }

    const TempDirectory directory_;
    NodePlace place_;
    TrialSpec spec_;
};

TEST_F(NodeTest, SaysWhatItDoesAndAtLastTheTrial) {
    const auto lines = run();
    ASSERT_GE(lines.size(), 4U);
    EXPECT_EQ(lines[0], (json{{"event", "phase"}, {"what", "build"}}));
    EXPECT_EQ(lines[1], (json{{"event", "phase"}, {"what", "train"}}));
    EXPECT_EQ(lines[2]["event"], "progress");
    const json& last = lines.back();
    EXPECT_EQ(last["event"], "trial");
    const Trial trial = trial_from_json(last["trial"]);
    EXPECT_EQ(trial.ending, Ending::ok) << trial.reason;
    EXPECT_EQ(trial.val_bpb, 1.75);
    EXPECT_EQ(trial.seed, 7U);
    EXPECT_EQ(last["curve"], "1,0.01,0.5,5.25,7\n2,0.01,0.5,5.25,7\n");
    EXPECT_THAT(last["log"].get<std::string>(), HasSubstr("--seed 7"));
}

TEST_F(NodeTest, SeedsOfOneSourceAreOneBuild) {
    for (spec_.seed = 1; spec_.seed <= 3; ++spec_.seed) EXPECT_EQ(trial().ending, Ending::ok);
    EXPECT_EQ(read_text(builds()), "built\n");
    spec_.source += " ";
    EXPECT_EQ(trial().ending, Ending::ok);
    EXPECT_EQ(read_text(builds()), "built\nbuilt\n");
    EXPECT_EQ(std::distance(fs::directory_iterator(place_.programs), {}), 2) << "work folders are gone";
}

TEST_F(NodeTest, ABuildThatFailsIsAResult) {
    spec_.source = "broken";
    const json last = run().back();
    EXPECT_EQ(last["trial"]["ending"], "build_failed");
    EXPECT_EQ(last["trial"]["reason"], "train.cpp:1: error: broken");
    EXPECT_THAT(last["log"].get<std::string>(), HasSubstr("error: broken"));
}

TEST_F(NodeTest, IsUnfitWhereItIsOfAnotherKind) {
    const auto reason = [&] {
        const auto lines = run();
        EXPECT_EQ(lines.size(), 1U);
        EXPECT_EQ(lines.back()["event"], "unfit");
        return lines.back()["reason"].get<std::string>();
    };
    spec_.data = "elsewhere";
    EXPECT_EQ(reason(), "data set elsewhere is not here");
    spec_.torch = "3.0.0";
    EXPECT_EQ(reason(), "torch 3.0.0 is required, but this node has 2.13.0");
    spec_.kit = "other";
    EXPECT_EQ(reason(), "the fixed half other is required, but this node has kit-hash");
}

TEST_F(NodeTest, EndsItsTrialWhenNobodyReads) {
    spec_.data = "hang_in_training";
    spec_.budget = 100;
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    Fd read(ends[0]), write(ends[1]);
    ::signal(SIGPIPE, SIG_IGN);
    std::thread reader([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        read.reset();
    });
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_FALSE(run_node(to_json(spec_).dump(), place_, write.get(), NeverStop()));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
    reader.join();
}

TEST_F(NodeTest, ASpecThatIsNoneIsTheUsersError) {
    EXPECT_THROW(run_node("{\"seed\": 1}", place_, STDOUT_FILENO, NeverStop()), UserError);
    EXPECT_THROW(run_node("", place_, STDOUT_FILENO, NeverStop()), UserError);
}

}  // namespace
}  // namespace autoresearch
