// Agents that behave badly, each in one way, as real processes: every one ends as it should, is named in the
// log, and the loop goes on.

#include <unistd.h>

#include <algorithm>

#include "e2e_fixture.h"
#include "tiny_trainer.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

class AgentsE2e : public E2eTest {
  protected:
    void SetUp() override {
        E2eTest::SetUp();
        write_file(repository / "train/train.cpp", kTinyTrainer);
        sh("git commit -q -a --amend -m start");
    }
    /// `cases` are the branches of a shell `case` by the number of the experiment. `again` is not empty when
    /// the agent was asked before in this experiment.
    Output run_agent(const std::string& cases, const std::string& more) {
        const auto agent = home.write("agent.sh", R"(
HOME_OF_TEST=')" + home.path().string() + R"('
again=$(cat "$HOME_OF_TEST/asked$1" 2>/dev/null); echo yes > "$HOME_OF_TEST/asked$1"
edit() { sed "s/SMOOTHING = [0-9.]*/SMOOTHING = $1/" train/train.cpp > t && mv t train/train.cpp; }
without() { sed "/$1/d" train/train.cpp > t && mv t train/train.cpp; }
echo "idea $1" > idea.txt
case "$1" in
)" + cases + "\nesac\n");
        return autoresearch(
            run_line("--budget 1 --judge plain --confirm-seeds 0 --max-failures 0 --repairs 1 --agent 'sh " +
                     agent.string() + " {experiment}' " + more));
    }
    std::string ending(int number) const { return experiment(number)["verdict"]["ending"]; }
    std::string reason(int number) const { return experiment(number)["verdict"]["reason"]; }
    int calls(int number) const { return experiment(number)["agent"]["calls"]; }
    nlohmann::json experiment(int number) const { return ledger().at(static_cast<std::size_t>(number)); }
    bool in_log(const std::string& words) const {
        return read_text(repository / ".autoresearch/e2e/harness.log").find(words) != std::string::npos;
    }
    static bool contains(const std::string& text, const std::string& words) {
        return text.find(words) != std::string::npos;
    }
};

TEST_F(AgentsE2e, NothingThatAnAgentDoesEndsTheNight) {
    const Output run = run_agent(R"(
1) edit 2.0; cp train/train.cpp "$HOME_OF_TEST/first.cpp"
   echo '#error' >> include/autoresearch/session.h; rm include/autoresearch/ops.h; echo none > program.md; mkdir .git ;;
2) rm train/train.cpp ;;
3) ;;
4) cat "$HOME_OF_TEST/first.cpp" > train/train.cpp; echo '// the same again' >> train/train.cpp ;;
5) edit 5.0
   setsid sh -c 'while :; do echo x >> "$0"; sleep 0.05; done' "$HOME_OF_TEST/daemon" </dev/null >/dev/null 2>&1 &
   while [ ! -e "$HOME_OF_TEST/daemon" ]; do sleep 0.05; done ;;
6) yes 'a line of the flood' | head -c 1000000000; edit 6.0 ;;
7) echo 'cannot go on' ;;
8) [ -n "$again" ] && edit 8.0 || { echo "You've hit your usage limit." >&2; exit 1; } ;;
9) head -c 50000000 /dev/zero > train/train.cpp ;;
10) if [ -n "$again" ]; then without 'no C++'; else edit 10.0; echo 'this is no C++' >> train/train.cpp; fi ;;
11) echo 'Shall I change the depth or the width?' ;;
12) { printf '// '; head -c 300000 /dev/zero | tr '\0' x; } >> train/train.cpp ;;
13) if [ -n "$again" ]; then without 'std::abort'; else
    edit 13.0; sed 's/^    auto batches/    std::abort();\n&/' train/train.cpp > t && mv t train/train.cpp; fi ;;
14) edit 14.0 ;;
)",
                                 "--experiments 14");
    ASSERT_EQ(run.code, 0) << run.out << run.err;
    expect_consistent(15);
    for (const int good : {0, 1, 5, 6, 8, 10, 13, 14}) EXPECT_EQ(ending(good), "ok") << good << reason(good);
    for (const int none : {2, 3, 7, 9, 11}) {
        EXPECT_EQ(ending(none), "no_proposal") << none;
        EXPECT_EQ(calls(none), 2) << "asked once more: " << none;
    }
    const auto ignored = experiment(1)["agent"]["ignored_files"];
    for (const char* file : {"include/autoresearch/session.h", "program.md"})
        EXPECT_NE(std::find(ignored.begin(), ignored.end(), file), ignored.end()) << file << " " << ignored;
    EXPECT_TRUE(contains(reason(2), "deleted train/train.cpp"));
    EXPECT_TRUE(contains(reason(3), "left train.cpp unchanged"));
    EXPECT_EQ(ending(4), "refused");
    EXPECT_TRUE(contains(reason(4), "same source as experiment 1")) << reason(4);
    const auto daemon = fs::file_size(home / "daemon");
    ::usleep(300000);
    EXPECT_EQ(fs::file_size(home / "daemon"), daemon) << "the daemon lives on";
    EXPECT_LT(fs::file_size(directory(6) / "proposal/agent.log"), 20u << 20);
    EXPECT_TRUE(contains(reason(7), "unchanged; it said: \"cannot go on\"")) << reason(7);
    EXPECT_EQ(calls(8), 2);
    EXPECT_TRUE(in_log("failed with exit code 1: You've hit your usage limit.; asking again in 60 s"));
    EXPECT_EQ(read_text(directory(8) / "proposal/agent.err"), "You've hit your usage limit.\n");
    EXPECT_TRUE(contains(reason(9), "47 MiB large")) << reason(9);
    EXPECT_EQ(calls(10), 2);
    EXPECT_TRUE(in_log("; back to the agent (1 of 1)"));
    EXPECT_TRUE(contains(read_text(directory(10) / "proposal/prompt.md"), "Your last answer cannot be used"));
    EXPECT_TRUE(contains(reason(11), "asked instead of editing: Shall I")) << reason(11);
    EXPECT_EQ(ending(12), "refused");
    EXPECT_TRUE(contains(reason(12), "KiB")) << reason(12);
    EXPECT_EQ(calls(13), 2) << "a crash in the first seconds goes back";
    EXPECT_EQ(calls(14), 1);
}

TEST_F(AgentsE2e, AnAgentThatHangsIsEndedHoweverItTakesIt) {
    const Output run = run_agent(R"(
1) echo thinking; sleep 10000 ;;
2) echo thinking; trap '' TERM INT HUP; (trap '' TERM; while :; do echo x >> "$HOME_OF_TEST/alive"; sleep 0.05; done) & sleep 10000 ;;
)",
                                 "--experiments 2 --agent-limit 1 --repairs 0");
    ASSERT_EQ(run.code, 0) << run.out << run.err;
    expect_consistent(3);
    for (const int hung : {1, 2}) {
        EXPECT_EQ(ending(hung), "no_proposal");
        EXPECT_EQ(reason(hung), "the agent took longer than 1 s: thinking");
    }
    const auto alive = fs::file_size(home / "alive");
    ::usleep(300000);
    EXPECT_EQ(fs::file_size(home / "alive"), alive) << "its child lives on";
}

TEST_F(AgentsE2e, WhatCannotGetBetterEndsTheRunWithAWord) {
    Output run = run_agent("*) exit 127 ;;", "");
    EXPECT_EQ(run.code, 1);
    EXPECT_TRUE(contains(run.out, "the agent cannot work: the agent failed with exit code 127")) << run.out;
    const std::string soon = "--hours 0.0005 ";
    run = run_agent("*) echo '401 Unauthorized: run /login'; exit 1 ;;", soon);
    EXPECT_EQ(run.code, 0);
    EXPECT_TRUE(contains(run.out, "exit code 1: 401 Unauthorized: run /login; asking again in 60 s"))
        << run.out;
    run = run_agent("*) sleep 1000 ;;", soon + "--agent-limit 1");
    EXPECT_EQ(run.code, 0);
    EXPECT_TRUE(contains(run.out, "the agent took longer than 1 s; asking again in 60 s")) << run.out;
    EXPECT_EQ(ledger().size(), 1U) << "no experiment was spent on it";
    run = run_agent("*) ;;", "--hours 0 --max-failures 3");
    EXPECT_EQ(run.code, 1);
    EXPECT_TRUE(contains(run.out, "3 answers of the agent in a row could not be used")) << run.out;
    EXPECT_EQ(ledger().size(), 3U);
    run = run_agent("*) exit 3 ;;", "--until 25:00");
    EXPECT_EQ(run.code, 2);
    EXPECT_TRUE(contains(run.err, "--until 07:30")) << run.err;
}

}  // namespace
}  // namespace autoresearch
