#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/flags.h"

namespace autoresearch {
namespace {

Arguments seen;

int look(const Arguments& given) {
    seen = given;
    return 7;
}

class FlagsTest : public testing::Test {
  protected:
    /// The exit code of a line, with what it gave in `seen`.
    static int run(const std::string& line) {
        CLI::App app;
        Commands commands(app);
        auto flags = commands.add("look", "for the tests", look);
        flags.json();
        flags.all_settings();
        flags.seeds("how many");
        flags.required("name", flags.given.experiment, "what");
        auto others = commands.add("data", "for the tests", look);
        others.data_settings({"threads"});
        others.tag();
        seen = {};
        app.parse(line);
        return commands.run_chosen();
    }
};

TEST_F(FlagsTest, WhatWasGivenGoesToTheCommand) {
    EXPECT_EQ(run("look 12 --budget 3 --no-early-end --seeds 4 --json --budget 5"), 7);
    EXPECT_EQ(seen.settings, (FlagValues{{"budget", "5"}, {"early_end", "false"}})) << "the last one counts";
    EXPECT_EQ(seen.experiment, "12");
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

TEST_F(FlagsTest, EveryExampleOfTheHelpIsACommandLine) {
    CLI::App app;
    Commands commands(app);
    add_commands(commands);
    int examples = 0;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        const std::string footer = command->get_footer();
        for (std::size_t at = 0; (at = footer.find("\n  ", at)) != std::string::npos; ++examples) {
            at += 3;
            const std::string line = footer.substr(at, footer.find('\n', at) - at);
            EXPECT_TRUE(line.starts_with("autoresearch " + command->get_name())) << line;
            CLI::App own;
            Commands parsed(own);
            add_commands(parsed);
            EXPECT_NO_THROW(own.parse(line, true)) << line;
        }
    }
    EXPECT_GE(examples, 10);
}

TEST_F(FlagsTest, AFlagTakesNoValue) {
    for (const char* line : {"look 12 --no-early-end=3", "look 12 --early-end=false", "look 12 --json=0"})
        EXPECT_THROW(run(line), CLI::ParseError) << line;
}

TEST_F(FlagsTest, AnOldNameIsStillAFlagButNotInTheHelp) {
    EXPECT_EQ(run("look 12 --confirm none"), 7);
    EXPECT_EQ(seen.settings, (FlagValues{{"confirm", "none"}}));
    CLI::App app;
    Commands commands(app);
    auto flags = commands.add("look", "for the tests", look);
    flags.all_settings();
    const std::string help = app.get_subcommand("look")->help();
    EXPECT_NE(help.find("--judge"), std::string::npos);
    EXPECT_EQ(help.find("--confirm "), std::string::npos) << help;
    EXPECT_NE(help.find("--confirm-seeds"), std::string::npos);
}

}  // namespace
}  // namespace autoresearch
