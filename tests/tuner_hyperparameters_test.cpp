#include <gmock/gmock.h>

#include <stdexcept>

#include "temp_directory.h"
#include "tuner/tuner.h"

namespace autoresearch {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

const std::string kSource = R"(constexpr double BEFORE = 1.0;
// --- hyperparameters
// model
constexpr PerDevice<int> DEPTH = {4, 8, 4};                // layers
constexpr PerDevice<const char*> PATTERN = {"L", "S", "L"};  // text
constexpr int BATCH = 65536;         // tokens
constexpr PerDevice<std::int64_t> SHIFTED = {1 << 16, 1 << 19, 1 << 12};
constexpr PerDevice<double> MATRIX_LR = {0.04, 4e-2, .02};  // Muon, = 1.0; not this
constexpr double SOFTCAP = 15;       // cap
constexpr double DERIVED = 2 * 0.5;
constexpr bool FLAG = true;
constexpr PerDevice<double> TWO = {0.8, 0.95};
// --- end of hyperparameters
constexpr double AFTER = 1.0;
)";

std::vector<std::pair<std::string, double>> found(const std::string& source, const std::string& device) {
    std::vector<std::pair<std::string, double>> result;
    const auto parameters = find_hyperparameters(source, device);
    for (const auto& parameter : parameters) result.emplace_back(parameter.name, parameter.value);
    return result;
}

std::string changed(const std::string& source, const std::string& device, const std::string& name,
                    double value) {
    const auto parameters = find_hyperparameters(source, device);
    for (const auto& parameter : parameters) {
        if (parameter.name == name) return with_moves(source, {{parameter, value}});
    }
    throw std::logic_error("no " + name);
}

TEST(Hyperparameters, AreTheNumbersOfTheDevicesColumn) {
    EXPECT_THAT(found(kSource, "cpu"), ElementsAre(Pair("DEPTH", 4), Pair("BATCH", 65536),
                                                   Pair("MATRIX_LR", 0.02), Pair("SOFTCAP", 15)));
    EXPECT_THAT(found(kSource, "cuda"), ElementsAre(Pair("DEPTH", 8), Pair("BATCH", 65536),
                                                    Pair("MATRIX_LR", 0.04), Pair("SOFTCAP", 15)));
    EXPECT_THROW(find_hyperparameters(kSource, "tpu"), std::out_of_range);
    EXPECT_TRUE(find_hyperparameters("int main() {}", "cpu").empty());
    EXPECT_TRUE(find_hyperparameters("// --- hyperparameters\nconstexpr int A = 1;\n", "cpu").empty());
}

TEST(Hyperparameters, OnlyTheNumberChanges) {
    const auto expect_line = [](const std::string& text, const std::string& line) {
        EXPECT_NE(text.find("\n" + line + "\n"), std::string::npos) << text;
    };
    expect_line(changed(kSource, "cpu", "DEPTH", 12),
                "constexpr PerDevice<int> DEPTH = {4, 8, 12};                // layers");
    expect_line(changed(kSource, "mps", "DEPTH", 3),
                "constexpr PerDevice<int> DEPTH = {3, 8, 4};                // layers");
    expect_line(changed(kSource, "cpu", "BATCH", 32768), "constexpr int BATCH = 32768;         // tokens");
    expect_line(changed(kSource, "cpu", "MATRIX_LR", 0.035),
                "constexpr PerDevice<double> MATRIX_LR = {0.04, 4e-2, 0.035};  // Muon, = 1.0; not this");
    expect_line(changed(kSource, "cpu", "SOFTCAP", 30), "constexpr double SOFTCAP = 30.0;       // cap");
    const auto there = changed(kSource, "cuda", "MATRIX_LR", 0.12344);
    EXPECT_EQ(found(there, "cuda")[2].second, 0.1234);
    EXPECT_EQ(found(there, "cpu"), found(kSource, "cpu"));
    EXPECT_EQ(changed(changed(kSource, "cpu", "DEPTH", 12), "cpu", "DEPTH", 4), kSource);
}

TEST(Hyperparameters, NumbersKeepTheDigitsThatMatter) {
    const Hyperparameter real{"LR"};
    EXPECT_EQ(number_text(real, 0.06), "0.06");
    EXPECT_EQ(number_text(real, 1.0 / 3), "0.3333");
    EXPECT_EQ(number_text(real, 1e-10), "1e-10");
    EXPECT_EQ(number_text(real, 2), "2.0");
    EXPECT_EQ(number_text(real, 0.99949), "0.9995");
    EXPECT_EQ(number_text(real, 0.97436), "0.9744");
    EXPECT_EQ(number_text({"DEPTH", true}, 4), "4");
}

TEST(Hyperparameters, TheRealTrainFileHasABlockForEveryDevice) {
    const auto source = read_text(TEST_SOURCE_DIR "/train/train.cpp");
    for (const auto* device : {"mps", "cuda", "cpu"}) {
        const auto parameters = find_hyperparameters(source, device);
        EXPECT_GE(parameters.size(), 10u);
        for (const auto& parameter : parameters) {
            const auto again =
                find_hyperparameters(with_moves(source, {{parameter, parameter.value * 2}}), device);
            ASSERT_EQ(again.size(), parameters.size()) << parameter.name;
        }
    }
}

}  // namespace
}  // namespace autoresearch
