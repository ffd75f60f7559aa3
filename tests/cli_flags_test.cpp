#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "cli/flags.h"

namespace autoresearch {
namespace {

struct Given {
    FlagValues settings;
    std::optional<int> seeds;
    std::string tag, name;
    bool json = false;
};

Given seen;

int look(const Given& given) {
    seen = given;
    return 7;
}

class FlagsTest : public testing::Test {
  protected:
    /// The exit code of a line, with what it gave in `seen`.
    static int run(const std::string& line) {
        CLI::App app;
        Commands commands(app);
        auto [flags, given] = commands.add("look", "for the tests", look);
        flags.json(given.json);
        flags.all_settings(given.settings);
        flags.seeds(given.seeds, "how many");
        flags.required("name", given.name, "what");
        auto [others, data] = commands.add("data", "for the tests", look);
        others.data_settings(data.settings, {"threads"});
        others.tag(data.tag);
        seen = {};
        app.parse(line);
        return commands.chosen()();
    }
};

TEST_F(FlagsTest, WhatWasGivenGoesToTheCommand) {
    EXPECT_EQ(run("look 12 --budget 3 --no-early-end --seeds 4 --json --budget 5"), 7);
    EXPECT_EQ(seen.settings, (FlagValues{{"budget", "5"}, {"early_end", "false"}})) << "the last one counts";
    EXPECT_EQ(seen.name, "12");
    EXPECT_EQ(seen.seeds, 4);
    EXPECT_TRUE(seen.json);
    EXPECT_EQ(run("look 12"), 7);
    EXPECT_TRUE(seen.settings.empty());
    EXPECT_FALSE(seen.json);
    EXPECT_THROW(run("look"), CLI::ParseError);
    EXPECT_THROW(run("look 12 --seeds 1"), CLI::ParseError);
}

TEST_F(FlagsTest, ACommandHasOnlyTheSettingsItNamed) {
    EXPECT_EQ(run("data --preset cpu --corpus here --seq-len 8 --threads 2 --tag nov22"), 7);
    EXPECT_EQ(seen.settings,
              (FlagValues{{"preset", "cpu"}, {"corpus", "here"}, {"seq_len", "8"}, {"threads", "2"}}));
    EXPECT_EQ(seen.tag, "nov22");
    EXPECT_THROW(run("data --budget 3"), CLI::ParseError);
    EXPECT_THROW(run("data --confirm none"), CLI::ParseError);
}

TEST_F(FlagsTest, AnOldNameIsStillAFlagButNotInTheHelp) {
    EXPECT_EQ(run("look 12 --confirm none"), 7);
    EXPECT_EQ(seen.settings, (FlagValues{{"confirm", "none"}}));
    CLI::App app;
    Commands commands(app);
    auto [flags, given] = commands.add("look", "for the tests", look);
    flags.all_settings(given.settings);
    const std::string help = app.get_subcommand("look")->help();
    EXPECT_NE(help.find("--judge"), std::string::npos);
    EXPECT_EQ(help.find("--confirm "), std::string::npos) << help;
    EXPECT_NE(help.find("--confirm-seeds"), std::string::npos);
}

}  // namespace
}  // namespace autoresearch
