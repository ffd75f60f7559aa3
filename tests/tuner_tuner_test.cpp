#include "tuner/tuner.h"

#include <gmock/gmock.h>

#include "temp_directory.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;

class TunerTest : public ::testing::Test {
  protected:
    static std::string source(double rate, int depth) {
        const auto line = [](const std::string& name, double value) {
            return "constexpr double " + name + " = " + number_text({name}, value) + ";  // comment\n";
        };
        return "#include <x>\n// --- hyperparameters\n" + line("MATRIX_LR", rate) +
               "constexpr PerDevice<int> DEPTH = {4, 8, " + std::to_string(depth) +
               "};  // layers\n// --- end of hyperparameters\nint main() {}\n";
    }

    void experiment(int number, const std::string& parent, const std::string& decision, double delta,
                    const std::string& train) const {
        char folder[32];
        std::snprintf(folder, sizeof folder, "experiments/%04d/", number);
        const std::string commit = "c" + std::to_string(number);
        directory_.write(folder + std::string("train.cpp"), train);
        directory_.write(folder + std::string("result.json"),
                         R"({"number": )" + std::to_string(number) + R"(, "ran_on": ")" + parent +
                             R"(", "commit": ")" + commit + R"(", "verdict": {"decision": ")" + decision +
                             R"(", "evidence": {"noise": {"sd": 0.01}, "difference": )" +
                             std::to_string(delta) + R"(}}, "trials": [{"num_steps": 118, "val_bpb": )" +
                             std::to_string(2 + delta) + "}], \"more\": 1}");
    }

    void desk(const std::string& train) const { directory_.write("train/train.cpp", train); }
    int run() const { return run_tuner(directory_.path(), "cpu", 0); }
    std::string train() const { return read_text(directory_ / "train/train.cpp"); }
    std::string idea() const { return read_text(directory_ / "idea.txt"); }

    TempDirectory directory_;
};

TEST_F(TunerTest, StartsWithoutHistory) {
    desk(source(0.04, 4));
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(train(), source(0.04, 6));
    EXPECT_EQ(idea(), "raise DEPTH 4 -> 6 (not tried yet)\n");
}

TEST_F(TunerTest, SeesHowManyStepsTheBudgetHas) {
    experiment(0, "start", "keep", 0, source(0.04, 4));
    desk(source(0.04, 4));
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(idea(), "lower DEPTH 4 -> 2 (118 steps are few: cheaper ones first)\n");
}

TEST_F(TunerTest, FollowsWhatHelped) {
    experiment(0, "start", "keep", 0, source(0.04, 4));
    experiment(1, "c0", "keep", -0.1, source(0.07, 4));
    desk(source(0.07, 4));
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(idea(), "raise MATRIX_LR 0.07 -> 0.2144 (it helped: on, and further)\n");
}

TEST_F(TunerTest, LearnsFromFailuresAndLeavesOutWhatItCannotRead) {
    experiment(0, "start", "keep", 0, source(0.04, 4));
    experiment(1, "c0", "discard", 0.1, source(0.07, 4));
    experiment(2, "c0", "crash", 0, source(0.04, 6));
    experiment(3, "c0", "crash", 0, source(0.04, 2));
    directory_.write("experiments/0004/result.json", "{}");
    directory_.write("experiments/0004/train.cpp", source(0.04, 9));
    directory_.write("experiments/0005/result.json", "{");
    directory_.write("experiments/notes.txt", "");
    desk(source(0.04, 4));
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(train(), source(0.02286, 4));
    EXPECT_THAT(idea(), HasSubstr("the other way did not help"));
}

TEST_F(TunerTest, AResultOfOtherTypesSaysNothing) {
    experiment(0, "start", "keep", 0, source(0.04, 4));
    for (const char* text :
         {R"({"parent": 1, "commit": [], "verdict": "keep"})",
          R"({"verdict": {"evidence": 3, "decision": 1}, "trials": {"a": 1}})",
          R"({"verdict": {"evidence": {"noise": 1, "difference": "x"}}, "trials": [[]]})"}) {
        directory_.write("experiments/0000/result.json", text);
        desk(source(0.04, 4));
        EXPECT_EQ(run(), 0);
        EXPECT_EQ(train(), source(0.04, 6)) << text;
    }
}

TEST_F(TunerTest, SaysWhenThereIsNothingToTune) {
    desk("int main() {}\n");
    EXPECT_EQ(run(), 1);
    desk("// --- hyperparameters\nconstexpr bool A = true;\n// --- end of hyperparameters\n");
    EXPECT_EQ(run(), 1);
    EXPECT_EQ(idea(), "");
}

}  // namespace
}  // namespace autoresearch
