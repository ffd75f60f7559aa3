#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temp_directory.h"
#include "view/run_view.h"

namespace autoresearch {
namespace {

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

}  // namespace
}  // namespace autoresearch
