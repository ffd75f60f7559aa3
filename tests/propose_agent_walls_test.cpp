#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "behind_walls.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class BehindWalls : public AgentBehindWalls {};

TEST_P(BehindWalls, AnEditComesBack) {
    say("echo '// more' >> train/train.cpp; echo 'an idea' > idea.txt; echo x > \"$TMPDIR/x\" && cat "
        "\"$TMPDIR/x\"");
    ASSERT_TRUE(answer_.status.ok()) << answer_.status.failure().reason << answer_.said;
    EXPECT_EQ(answer_.proposal.source, "int main() {}\n// more\n");
    EXPECT_EQ(answer_.proposal.idea, "an idea");
}

TEST_P(BehindWalls, WhatItIsJudgedByIsOutOfReach) {
    const std::string said =
        say("cd '" + at("").string() +
            "'; cat repository/train/train.cpp repository/.autoresearch/night/* cache/data/1234/val.bin; "
            "grep -r private repository cache . ; cat /etc/passwd; echo x >> home/notes; "
            "echo x > repository/new; echo x > new; repository/kit/build-trainer --check it");
    EXPECT_THAT(said, Not(HasSubstr("private")));
    EXPECT_THAT(said, HasSubstr("root:"));
    EXPECT_THAT(said, HasSubstr("checked it"));
    EXPECT_EQ(read_text(at("home/notes")), "notes");
    EXPECT_FALSE(fs::exists(at("new")) || fs::exists(at("repository/new")));
}

TEST_P(BehindWalls, TheDeskIsWhereItWas) {
    EXPECT_THAT(say("cd /; cat \"$OLDPWD\"/program.md; ls \"$OLDPWD\"; cat \"$OLDPWD\"/../*/program.md"),
                HasSubstr("The rules."));
}

TEST_P(BehindWalls, ItsStateIsTheRealOneAndNotACopy) {
    say("echo 'new login' > ~/.agent/new && mv ~/.agent/new ~/.agent/login; echo 'new state' > "
        "~/.agent.json");
    EXPECT_EQ(read_text(at("home/.agent/login")), "new login\n");
    EXPECT_EQ(read_text(at("home/.agent.json")), "new state\n");
}

TEST_P(BehindWalls, AFolderOfItsStateMayBeNamedByAVariable) {
    fs::create_directories(at("elsewhere"));
    ::setenv("AGENT_HOME", at("elsewhere").c_str(), 1);
    say("echo x > \"$AGENT_HOME/file\"");
    ::unsetenv("AGENT_HOME");
    EXPECT_EQ(read_text(at("elsewhere/file")), "x\n");
}

TEST_P(BehindWalls, AFolderOfItsStateIsWhereThePersonMovedIt) {
    fs::create_directories(at("moved"));
    ::setenv("XDG_DATA_HOME", at("moved").c_str(), 1);
    say("echo x > \"$XDG_DATA_HOME/agent/file\"; echo y > \"$XDG_DATA_HOME/file\"");
    ::unsetenv("XDG_DATA_HOME");
    EXPECT_EQ(read_text(at("moved/agent/file")), "x\n");
    EXPECT_FALSE(fs::exists(at("moved/file")));
}

TEST_P(BehindWalls, AFileOfItsStateMayBeReplaced) {
    if (GetParam() == BoxKind::landlock) GTEST_SKIP() << "there it may only be written";
    fs::permissions(at("home/.agent.json"), fs::perms(0600));
    const std::string said = say(
        "echo 'refreshed' > ~/.agent.json.tmp && mv ~/.agent.json.tmp ~/.agent.json; ls -a ~; cat ~/notes");
    EXPECT_EQ(read_text(at("home/.agent.json")), "refreshed\n") << said;
    EXPECT_EQ(fs::status(at("home/.agent.json")).permissions(), fs::perms(0600));
    EXPECT_FALSE(fs::exists(at("home/.agent.json.tmp")));
    EXPECT_THAT(said, HasSubstr("notes"));
    say("echo evil > ~/.profile");
    EXPECT_FALSE(fs::exists(at("home/.profile")));
    EXPECT_EQ(read_text(at("home/.agent.json")), "refreshed\n");
}

TEST_P(BehindWalls, ItSeesItsKeysAndNoOthers) {
    options_.settings.agent_keys = "MY_*";
    ::setenv("MY_NAME", "Jo", 1);
    const std::string said = say("env | sed 's/key-of-the-agent/its own key/; s/key-of-another/stolen/'");
    ::unsetenv("MY_NAME");
    EXPECT_THAT(said, HasSubstr("its own key"));
    EXPECT_THAT(said, HasSubstr("MY_NAME=Jo"));
    EXPECT_THAT(said, Not(HasSubstr("stolen")));
    EXPECT_THAT(said, HasSubstr("HOME="));
}

TEST_P(BehindWalls, AFolderThatTheUserNamesIsItsOwn) {
    fs::create_directories(at("mine"));
    options_.walls.writes = {at("mine")};
    say("echo x > '" + at("mine/file").string() + "'");
    EXPECT_EQ(read_text(at("mine/file")), "x\n");
}

TEST_P(BehindWalls, ItsOwnSandboxIsSwitchedOff) {
    ProcessSpec spec;
    spec.command = {"codex", "--sandbox", "workspace-write"};
    AgentAdapter agent;
    agent.own_sandbox = {{"workspace-write", "danger-full-access"}};
    box_agent(options_.walls, agent, at("desk"), at("temporary"), "", spec);
    EXPECT_EQ(spec.command.back(), "danger-full-access");
    ProcessSpec without;
    without.command = {"codex", "--sandbox", "workspace-write"};
    box_agent({}, agent, at("desk"), at("temporary"), "", without);
    EXPECT_EQ(without.command.back(), "workspace-write");
    EXPECT_FALSE(without.bare_environment);
}

INSTANTIATE_TEST_SUITE_P(Here, BehindWalls, ::testing::ValuesIn(platform::kinds_of_box()),
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

}  // namespace
}  // namespace autoresearch
