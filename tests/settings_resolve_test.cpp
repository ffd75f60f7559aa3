#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "settings/resolve.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

class ConfigTest : public testing::Test {
  protected:
    void SetUp() override {
        sources.repository = repository.path();
        sources.kit = TEST_SOURCE_DIR;
        sources.default_preset = "cpu";
    }
    ResolvedSettings resolve() {
        sources.environment = variables;
        return resolve_settings(sources);
    }
    /// Message and hint of the error, for looking into.
    std::string error() {
        try {
            resolve();
        } catch (const UserError& caught) {
            return std::string(caught.what()) + " | " + caught.hint();
        }
        return "no error";
    }

    TempDirectory repository;
    SettingSources sources;
    std::map<std::string, std::string> variables;
};

using testing::Test;

TEST_F(ConfigTest, EveryDefaultIsValidAndEveryKeyHasAnOrigin) {
    const ResolvedSettings config = resolve();
    for (const auto& key : setting_keys()) EXPECT_TRUE(config.origins.count(key.name)) << key.name;
    EXPECT_EQ(config.values.preset, "cpu");
    EXPECT_EQ(config.values.budget, 300);
    EXPECT_EQ(config.origins.at("budget"), "default");
    EXPECT_EQ(config.origins.at("seq_len"), "configs/cpu.json");
}

TEST_F(ConfigTest, EveryShippedPresetResolves) {
    for (const char* preset : {"quickstart", "cpu", "mps", "cuda"}) {
        sources.flags["preset"] = preset;
        EXPECT_EQ(resolve().values.preset, preset);
    }
}

TEST_F(ConfigTest, FlagsOverEnvironmentOverFileOverPreset) {
    EXPECT_EQ(resolve().values.seq_len, 256);
    repository.write("autoresearch.json", R"({"seq_len": 128, "budget": 60, "seed": 3})");
    EXPECT_EQ(resolve().values.seq_len, 128);
    variables["AUTORESEARCH_BUDGET"] = "50";
    variables["AUTORESEARCH_SEED"] = "4";
    sources.flags["seed"] = "5";
    const ResolvedSettings config = resolve();
    EXPECT_EQ(config.values.seq_len, 128);
    EXPECT_EQ(config.origins.at("seq_len"), "autoresearch.json");
    EXPECT_EQ(config.values.budget, 50);
    EXPECT_EQ(config.origins.at("budget"), "AUTORESEARCH_BUDGET");
    EXPECT_EQ(config.values.seed, 5U);
    EXPECT_EQ(config.origins.at("seed"), "--seed");
}

TEST_F(ConfigTest, SecondsMayBeGivenInMinutesAndHours) {
    for (const auto& [text, seconds] : std::map<std::string, double>{
             {"90", 90}, {"90s", 90}, {"5m", 300}, {"1.5min", 90}, {"2h", 7200}, {"1e2", 100}}) {
        sources.flags["budget"] = text;
        EXPECT_EQ(resolve().values.budget, seconds) << text;
    }
    variables["AUTORESEARCH_AGENT_LIMIT"] = "20m";
    EXPECT_EQ(resolve().values.agent_limit, 1200);
    for (const char* none : {"5x", "m", "5 m 3", "", "99h99"}) {
        sources.flags["budget"] = none;
        EXPECT_NE(error().find("--budget: budget is"), std::string::npos) << none;
    }
    sources.flags = {{"seed", "5m"}};
    EXPECT_NE(error().find("--seed: seed is \"5m\""), std::string::npos) << error();
    sources.flags = {{"hours", "5m"}};
    EXPECT_NE(error().find("--hours: hours is \"5m\""), std::string::npos) << error();
}

TEST_F(ConfigTest, APresetOfTheRepositoryComesBeforeTheShippedOne) {
    repository.write("configs/cpu.json", R"({"budget": 77})");
    EXPECT_EQ(resolve().values.budget, 77);
}

TEST_F(ConfigTest, UnknownKeysNameFileKeyAndTheNearestKnownOne) {
    repository.write("autoresearch.json", R"({"budgte": 60})");
    EXPECT_EQ(error(), "autoresearch.json: unknown key \"budgte\" | did you mean budget?");
    repository.write("autoresearch.json", "{}");
    variables["AUTORESEARCH_BUDGTE"] = "1";
    EXPECT_EQ(error(), "AUTORESEARCH_BUDGTE: unknown key \"budgte\" | did you mean budget?");
    variables.clear();
    variables["AUTORESEARCH_DATA"] = "/somewhere";
    EXPECT_EQ(error(), "no error");
    sources.flags["preset"] = "quikstart";
    EXPECT_EQ(error(), "--preset: there is no preset \"quikstart\" | did you mean quickstart?");
    sources.flags = {{"device", "gpu"}};
    EXPECT_NE(error().find("--device: device is \"gpu\""), std::string::npos);
}

TEST_F(ConfigTest, WrongTypesAndImpossibleValuesNameTheirPlace) {
    repository.write("autoresearch.json", R"({"budget": "long"})");
    EXPECT_NE(error().find("autoresearch.json: budget is \"long\", but it must be a number"),
              std::string::npos)
        << error();
    repository.write("autoresearch.json", R"({"seq_len": 12.5})");
    EXPECT_NE(error().find("seq_len is 12.5, but it must be a whole number from 8"), std::string::npos)
        << error();
    repository.write("autoresearch.json", R"({"corpus": 3})");
    EXPECT_NE(error().find("corpus is 3, but it must be text"), std::string::npos) << error();
    repository.write("autoresearch.json", "{");
    EXPECT_NE(error().find("autoresearch.json is not a JSON object of settings"), std::string::npos)
        << error();
    repository.write("autoresearch.json", "{}");
    sources.flags["budget"] = "-5";
    EXPECT_NE(error().find("--budget: budget is -5"), std::string::npos) << error();
    sources.flags["budget"] = "abc";
    EXPECT_NE(error().find("--budget: budget is \"abc\""), std::string::npos) << error();
    sources.flags["budget"] = "1e999";
    EXPECT_NE(error().find("--budget"), std::string::npos) << error();
    sources.flags = {{"seed", "-1"}};
    EXPECT_NE(error().find("--seed: seed is -1"), std::string::npos) << error();
}

TEST_F(ConfigTest, TextThatRunJsonCannotHoldIsRefused) {
    variables["AUTORESEARCH_AGENT"] = "no \xff text";
    EXPECT_NE(error().find("must be text in UTF-8"), std::string::npos) << error();
    variables = {{"AUTORESEARCH_DEVICE", "\xc3"}};
    EXPECT_NE(error().find("must be one of auto"), std::string::npos) << error();
    variables = {{"AUTORESEARCH_THREADS", std::string(200'000, '[') + std::string(200'000, ']')}};
    EXPECT_NE(error().find("must be a whole number"), std::string::npos);
    variables.clear();
    repository.write("autoresearch.json", std::string(200'000, '[') + std::string(200'000, ']'));
    EXPECT_NE(error().find("nested too deeply"), std::string::npos) << error();
}

TEST_F(ConfigTest, RunJsonIsCheckedAsEveryOtherPlace) {
    auto recorded = to_json(resolve());
    EXPECT_NO_THROW(resolved_from_json(recorded));
    recorded["threads"]["value"] = 1e300;
    EXPECT_THROW(resolved_from_json(recorded), std::invalid_argument);
}

TEST_F(ConfigTest, OldNamesAreTakenWithANote) {
    EXPECT_TRUE(resolve().notes.empty());
    const auto expect_plain = [&](const std::string& origin) {
        const ResolvedSettings config = resolve();
        EXPECT_EQ(config.values.judge, JudgeRule::plain) << origin;
        EXPECT_EQ(config.origins.at("judge"), origin);
        ASSERT_EQ(config.notes.size(), 1U);
        EXPECT_EQ(config.notes[0].rfind(origin + ": confirm is now called judge", 0), 0U) << config.notes[0];
    };
    repository.write("autoresearch.json", R"({"confirm": "none"})");
    expect_plain("autoresearch.json");
    repository.write("autoresearch.json", "{}");
    repository.write("configs/cpu.json", R"({"confirm": "none"})");
    expect_plain("configs/cpu.json");
    variables["AUTORESEARCH_JUDGE"] = "paired";
    EXPECT_EQ(resolve().values.judge, JudgeRule::paired);
    variables = {{"AUTORESEARCH_CONFIRM", "none"}};
    repository.write("configs/cpu.json", "{}");
    expect_plain("AUTORESEARCH_CONFIRM");
    variables.clear();
    sources.flags["confirm"] = "none";
    expect_plain("--confirm");
    EXPECT_TRUE(resolve().asked_for("judge"));
    sources.flags["confirm"] = "maybe";
    EXPECT_NE(error().find("--confirm: judge is \"maybe\", but it must be one of paired, plain"),
              std::string::npos)
        << error();
}

TEST_F(ConfigTest, RunJsonKeepsEveryValueWithItsOrigin) {
    sources.flags["budget"] = "42";
    sources.flags["tag"] = "here";
    const ResolvedSettings before = resolve();
    const ResolvedSettings after = resolved_from_json(to_json(before));
    EXPECT_EQ(to_json(after), to_json(before));
    EXPECT_EQ(after.origins.at("budget"), "--budget");
    EXPECT_THROW(resolved_from_json({{"budget", 3}}), nlohmann::json::exception);
    auto older = to_json(before);
    older.erase("grace");
    EXPECT_EQ(resolved_from_json(older).values.grace, 15) << "a setting younger than the run";
}

TEST_F(ConfigTest, ARunThatGoesOnKeepsItsFrozenValues) {
    sources.flags = {{"budget", "42"}, {"tag", "here"}, {"experiments", "5"}, {"device", "auto"}};
    const ResolvedSettings recorded = resolve();
    sources.flags = {{"tag", "here"}, {"experiments", "9"}};
    const ResolvedSettings config = continue_settings(recorded, resolve(), "cpu");
    EXPECT_EQ(config.values.budget, 42) << "the default of 300 was not asked for";
    EXPECT_EQ(config.values.experiments, 9);
    EXPECT_EQ(config.origins.at("experiments"), "--experiments");
    sources.flags.erase("experiments");
    EXPECT_EQ(continue_settings(recorded, resolve(), "cpu").values.experiments, 5) << "nor was another bound";
    sources.flags["device"] = "cpu";
    EXPECT_EQ(continue_settings(recorded, resolve(), "cpu").values.device, "auto") << "it came to cpu";
    sources.flags["device"] = "mps";
    EXPECT_THROW(continue_settings(recorded, resolve(), "cpu"), UserError);
    ResolvedSettings settled = recorded;
    settled.values.clock = ClockKind::wall;
    sources.flags = {{"tag", "here"}, {"clock", "cpu"}};
    EXPECT_THROW(continue_settings(settled, resolve(), "cpu"), UserError) << "no trials by another clock";
    sources.flags["clock"] = "auto";
    EXPECT_EQ(continue_settings(settled, resolve(), "cpu").values.clock, ClockKind::wall);
    sources.flags = {{"tag", "here"}, {"budget", "43"}};
    EXPECT_THROW(continue_settings(recorded, resolve(), "cpu"), UserError);
}

}  // namespace
}  // namespace autoresearch
