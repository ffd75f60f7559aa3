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
                             R"(", "delta": )" + std::to_string(delta) + "}, \"more\": 1}");
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
    EXPECT_EQ(train(), source(0.07, 4));
    EXPECT_EQ(idea(), "raise MATRIX_LR 0.04 -> 0.07 (not tried yet)\n");
}

TEST_F(TunerTest, FollowsWhatHelped) {
    experiment(0, "start", "keep", 0, source(0.04, 4));
    experiment(1, "c0", "keep", -0.1, source(0.07, 4));
    desk(source(0.07, 4));
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(idea(), "raise MATRIX_LR 0.07 -> 0.1225 (it helped before)\n");
}

TEST_F(TunerTest, LearnsFromFailuresAndLeavesOutWhatItCannotRead) {
    experiment(0, "start", "keep", 0, source(0.04, 4));
    experiment(1, "c0", "discard", 0.1, source(0.07, 4));
    experiment(2, "c0", "crash", 0, source(0.04, 5));
    experiment(3, "c0", "crash", 0, source(0.04, 3));
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
    directory_.write("experiments/0000/result.json", R"({"parent": 1, "commit": [], "verdict": "keep"})");
    desk(source(0.04, 4));
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(train(), source(0.07, 4));
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
