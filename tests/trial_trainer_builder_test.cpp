#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "autoresearch/error.h"
#include "proc/signals.h"
#include "temp_directory.h"
#include "trial/trainer_builder.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;

struct StopNow : StopRequest {
    bool after_experiment() const override { return true; }
    bool now() const override { return true; }
};

/// A kit whose build-trainer is the given sh script: $1 is the source, $2 the program to make.
class TrainerBuilderTest : public ::testing::Test {
  protected:
    Result<std::filesystem::path> build(const std::string& script,
                                        const std::string& source = "int main() {}\n", double limit = 60) {
        const auto file = directory_.write("kit/build-trainer", "#!/bin/sh\n" + script);
        std::filesystem::permissions(file, std::filesystem::perms(0755));
        return TrainerBuilder(directory_ / "kit", limit, 0, stop_).build(source, work());
    }
    std::filesystem::path work() const { return directory_ / "experiments/0001"; }

    TempDirectory directory_;
    NeverStop stop_;
};

TEST_F(TrainerBuilderTest, GivesTheProgramAndKeepsTheLog) {
    const auto result = build("echo warning: odd >&2; cp \"$1\" \"$2\"\n");
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result.value(), work() / "train");
    EXPECT_EQ(read_text(work() / "train.cpp"), "int main() {}\n");
    EXPECT_EQ(read_text(work() / "build.log"), "warning: odd\n");
}

TEST_F(TrainerBuilderTest, ARealCompilersFirstErrorIsTheReason) {
    const auto result =
        build("c++ -std=c++20 -o \"$2\" \"$1\"\n", "int main() {\n    return no_such_name;\n}\n");
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().ending, Ending::build_failed);
    EXPECT_THAT(result.failure().reason, ::testing::StartsWith("train.cpp:2:"));
    EXPECT_THAT(result.failure().reason, HasSubstr("no_such_name"));
}

TEST_F(TrainerBuilderTest, ARealLinkersMissingSymbolIsTheReason) {
    const auto result =
        build("c++ -std=c++20 -o \"$2\" \"$1\"\n", "int elsewhere();\nint main() { return elsewhere(); }\n");
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().ending, Ending::build_failed);
    EXPECT_THAT(result.failure().reason, HasSubstr("elsewhere"));
}

TEST_F(TrainerBuilderTest, AnOldProgramIsNotTakenForANewOne) {
    directory_.write("experiments/0001/train", "old");
    directory_.write("experiments/0001/build.log", "x.cpp:1:1: error: old\n");
    const auto result = build("exit 0\n");
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().reason, "the compiler failed without any output");
}

TEST_F(TrainerBuilderTest, TheTimeLimitHolds) {
    const auto result = build("sleep 1000\n", "", 0.2);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().ending, Ending::timed_out);
    EXPECT_EQ(result.failure().reason, "the build took longer than 0.2 s");
}

TEST_F(TrainerBuilderTest, AStopIsNoFailedBuild) {
    directory_.write("kit/build-trainer", "#!/bin/sh\nsleep 1000\n");
    std::filesystem::permissions(directory_ / "kit/build-trainer", std::filesystem::perms(0755));
    const StopNow stop;
    const auto result = TrainerBuilder(directory_ / "kit", 60, 0, stop).build("", work());
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.failure().ending, Ending::interrupted);
}

TEST_F(TrainerBuilderTest, AMissingKitIsTheUsersToMend) {
    EXPECT_THROW((void)TrainerBuilder(directory_ / "none", 60, 0, stop_).build("", work()), UserError);
}

TEST(BuildFailureReason, PrefersWhatHelps) {
    EXPECT_EQ(build_failure_reason(
                  "In file included from /d/train.cpp:1:\n/d/train.cpp:9:5: error: no matching function\n"
                  "/d/train.cpp:12:1: error: later\n",
                  "/d"),
              "train.cpp:9:5: error: no matching function");
    EXPECT_EQ(build_failure_reason(
                  "/usr/bin/ld: /tmp/cc.o: in function `main':\ntrain.cpp:(.text+0x5): undefined reference "
                  "to `f()'\ncollect2: error: ld returned 1 exit status\n",
                  "/d"),
              "train.cpp:(.text+0x5): undefined reference to `f()'");
    EXPECT_EQ(build_failure_reason("one\nlast words\n", "/d"), "last words");
    EXPECT_EQ(build_failure_reason("", "/d"), "");
}

}  // namespace
}  // namespace autoresearch
