#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "temp_directory.h"
#include "view/run_view.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;

TEST(RunView, AFinalNumberIsShownWhereItIsWhole) {
    const TempDirectory folder;
    RunView view;
    view.run.directory = folder.path();
    std::vector<Experiment> experiments(1);
    experiments[0].verdict.decision = Decision::keep;
    view.summary = summarize(experiments, summary_rules([](const auto&) { return Noise(); }));
    const std::string whole =
        R"({"experiment":0,"seeds":[1],"gain":0.1,"low":0.05,"high":0.15,"val_gain":0.1,"optimism":0.01})";
    folder.write("final.json", whole);
    EXPECT_NE(run_text(view, false).find("on the test split"), std::string::npos);
    for (const std::string& damaged :
         {whole.substr(0, 30), std::string("{\"experiment\":0}"), std::string("{\"experiment\":\"0\"}"),
          std::string("[]"), "{\"low\":null," + whole.substr(1, 60) + "}"}) {
        folder.write("final.json", damaged);
        EXPECT_EQ(run_text(view, false).find("on the test split"), std::string::npos) << damaged;
    }
}

TEST(RunView, ARunWithoutABaselineNeedsItsFlagsAgain) {
    RunView view;
    Settings& config = view.run.config.values;
    config.tag = "night";
    config.preset = "my preset";
    config.budget = 2.5;
    config.early_end = false;
    config.repeats = 0;
    view.run.config.origins = {{"tag", "--tag"},
                               {"preset", "--preset"},
                               {"budget", "--budget"},
                               {"early_end", "--early-end"},
                               {"repeats", "configs/quickstart.json"}};
    const auto rules = summary_rules([](const auto&) { return Noise(); });
    view.summary = summarize({}, rules);
    EXPECT_THAT(run_text(view, false),
                HasSubstr("to continue: autoresearch run --tag night --preset 'my preset' --budget 2.5 "
                          "--no-early-end\n"));
    view.summary = summarize(std::vector<Experiment>(1), rules);
    EXPECT_THAT(run_text(view, false), HasSubstr("to continue: autoresearch run --tag night\n"));
}

TEST(FinalNumber, ALossIsNoNegativeGain) {
    nlohmann::ordered_json number = {{"experiment", 2},      {"gain", -0.0199},   {"low", -0.03},
                                     {"high", -0.01},        {"val_gain", 0.002}, {"optimism", 0.0219},
                                     {"seeds", {1001, 1002}}};
    EXPECT_NE(final_number_text(number).find("experiment 2 is 0.01990 worse than the baseline"),
              std::string::npos);
    number["gain"] = 0.0199;
    EXPECT_NE(final_number_text(number).find("0.01990 better than"), std::string::npos);
}

TEST(FinalNumber, TwoSeedsSayMoreThanTheirInterval) {
    nlohmann::ordered_json number = {
        {"experiment", 2},   {"gain", 0.2},   {"low", -0.1},     {"high", 0.5},
        {"val_gain", 0.2},   {"optimism", 0}, {"seeds", {1, 2}}, {"baseline", {1.8, 1.7}},
        {"best", {1.5, 1.6}}};
    EXPECT_THAT(final_number_text(number), HasSubstr("(0.30000 and 0.10000 with two fresh seeds)"));
    number["baseline"] = {1.8};  // of another length, or no numbers: the interval
    EXPECT_THAT(final_number_text(number), HasSubstr("95 % interval of the gain -0.10000 to 0.50000"));
    number["baseline"] = {"a", "b"};
    EXPECT_THAT(final_number_text(number), HasSubstr("95 % interval"));
}

}  // namespace
}  // namespace autoresearch
