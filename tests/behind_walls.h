#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

#include "proc/boxed.h"
#include "proc/signals.h"
#include "propose/agent_proposer.h"
#include "propose/agent_walls.h"
#include "temp_directory.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {

/// An agent is a line of sh. Its home, and a repository with runs and data, are in a temporary folder.
class AgentBehindWalls : public ::testing::TestWithParam<BoxKind> {
  protected:
    void SetUp() override {
        if (!find_box(GetParam()).ok()) GTEST_SKIP() << find_box(GetParam()).failure().reason;
        directory_.write("program.md", "The rules.\n");
        directory_.write("kit/include/autoresearch/session.h", "// session\n");
        directory_.write("kit/prepare/session/clock.cpp", "// clock\n");
        std::filesystem::permissions(
            directory_.write("repository/kit/build-trainer", "#!/bin/sh\necho \"checked $2\"\n"),
            std::filesystem::perms(0755));
        directory_.write("repository/train/train.cpp", "private source");
        directory_.write("repository/.autoresearch/night/ledger.jsonl", "private ledger");
        directory_.write("cache/data/1234/val.bin", "private text");
        directory_.write("home/.agent/login", "old login");
        directory_.write("home/.agent.json", "old state");
        directory_.write("home/.local/share/agent/session", "a session");
        directory_.write("home/notes", "notes");
        ::setenv("HOME", at("home").c_str(), 1);
        ::setenv("AGENT_KEY", "key-of-the-agent-4711", 1);
        ::setenv("OTHER_TOKEN", "key-of-another-0815", 1);
        options_.desk = {at("cache/desks"), at("program.md"), at("kit"),
                         at("repository/.autoresearch/night/experiments")};
        options_.budget = "300 s";
        options_.settings.agent_limit = 60;
        options_.walls = {GetParam(), {at("repository"), at("cache")}, {at("repository/kit")}, {}};
        incumbent_.commit = "aaa";
        incumbent_.verdict.decision = Decision::keep;
        history_ = {incumbent_};
    }
    void TearDown() override {
        if (home_.empty())
            ::unsetenv("HOME");
        else
            ::setenv("HOME", home_.c_str(), 1);
        for (const char* name : {"AGENT_KEY", "OTHER_TOKEN"}) ::unsetenv(name);
    }
    std::filesystem::path at(const std::string& name) const { return directory_ / name; }

    /// What it printed.
    std::string say(const std::string& script) {
        options_.agent = find_agent({}, "true; " + script);
        options_.agent.state = {"~/.agent/", "~/.agent.json", "$AGENT_HOME/", "~/.local/share/agent/"};
        options_.agent.keys = {"AGENT_*"};
        const auto folder = at("proposal");
        std::filesystem::remove_all(folder);
        NeverStop stop;
        answer_ = AgentProposer(options_, stop).propose({1, incumbent_, "int main() {}\n", history_, folder});
        return read_text(folder / "agent.log") + try_read_file(folder / "agent.err").value_or("");
    }

    const std::string home_ = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
    TempDirectory directory_{TEST_BINARY_DIR};  // not in /tmp, of which an agent has one of its own
    AgentProposerOptions options_;
    Experiment incumbent_;
    std::vector<Experiment> history_;
    Answer answer_;
};

}  // namespace autoresearch
