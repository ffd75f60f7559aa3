// kill -9 at every boundary: before each single call by which the harness changes a file or starts a process,
// from its start to the end of an experiment. The stand-in trainer makes an experiment take a moment only.

#include "e2e_fixture.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

class KillE2e : public E2eTest {
  protected:
    void SetUp() override {
        if (!fs::exists(kPreload)) GTEST_SKIP() << "no LD_PRELOAD on this system";
        E2eTest::SetUp();
        line_ = with_stand_in_kit();
        // Each edit gets its number from the experiment: an even one is a gain, an odd one is none.
        home.write("agent.sh",
                   "n=$1; [ $((n % 2)) = 0 ] && v=1.$((999 - n)) || v=3.$n\n"
                   "echo \"constexpr double kValBpb = $v ;\" >> train/train.cpp\necho idea $n > idea.txt\n");
    }

    /// The same command every time; `bound` is the number of experiments after which it ends by itself.
    Output run(int bound, int kill_at) const {
        const std::string killer = kill_at > 0 ? "LD_PRELOAD='" + std::string(kPreload) +
                                                     "' KILL_AT=" + std::to_string(kill_at) + " "
                                               : "";
        return sh(line_ + killer + kBinary + " " +
                  run_line("--budget 0.1 --judge plain --confirm-seeds 0 --repairs 0 --experiments " +
                           std::to_string(bound) + " --agent 'sh " + (home / "agent.sh").string() +
                           " {experiment}'"));
    }

    /// The whole lines of the ledger.
    std::vector<std::string> lines() const {
        const std::string text = read_text(repository / ".autoresearch/e2e/ledger.jsonl");
        const auto all = split_lines(std::string_view(text).substr(0, text.rfind('\n') + 1));
        return {all.begin(), all.end()};
    }

    static constexpr const char* kPreload = TEST_BINARY_DIR "/tests/libkill_at.so";
    std::string line_;
};

TEST_F(KillE2e, AtEveryBoundaryNothingIsLostOrDoubled) {
    std::vector<std::string> before;
    int at = 1, kills = 0;
    // Further into the program's life each time, until a start gets well beyond the end of an experiment.
    for (int beyond = 0; beyond < 25; ++at) {
        const Output output = run(100000, at);
        ASSERT_EQ(output.code, 128 + SIGKILL) << "kill " << at << "\n" << output.out << output.err;
        ++kills;
        const std::vector<std::string> now = lines();
        ASSERT_GE(now.size(), before.size()) << "kill " << at << " lost an experiment";
        for (std::size_t i = 0; i < before.size(); ++i) ASSERT_EQ(now[i], before[i]) << "kill " << at;
        for (std::size_t i = 1; i < now.size(); ++i) {
            const auto json = nlohmann::json::parse(now[i], nullptr, false);
            ASSERT_FALSE(json.is_discarded()) << "kill " << at;
            ASSERT_EQ(json["number"], i - 1) << "kill " << at;
        }
        beyond += now.size() > std::max<std::size_t>(2, before.size()) ? 1 : 0;
        before = now;
    }
    const int done = static_cast<int>(before.size());
    const Output last = run(done, 0);
    ASSERT_EQ(last.code, 0) << last.out << last.err;
    expect_consistent(static_cast<std::size_t>(done) + 1);
    int kept = 0;
    for (const auto& experiment : ledger()) {
        EXPECT_EQ(experiment["verdict"]["ending"], "ok") << experiment.dump();
        kept += experiment["verdict"]["decision"] == "keep" ? 1 : 0;
    }
    EXPECT_GT(kept, 2) << "branches were moved";
    std::printf("%d kills, %d experiments, %d kept\n", kills, done, kept);
    EXPECT_GT(kills, 50) << "the calls are not counted";
}

// Whoever makes the harness die must not do so at every start.
TEST_F(KillE2e, AProposalThatTheHarnessDiedOfIsNotTriedAgain) {
    home.write("agent.sh", "echo $1 >> '" + (home / "asked").string() + "'\n" + read_text(home / "agent.sh"));
    const std::string line =
        line_ + kBinary + " " +
        run_line("--experiments 2 --agent 'sh " + (home / "agent.sh").string() + " {experiment}'");
    const Output died = sh("ulimit -c 0; " + line + " & pid=$!; i=0; while [ $i -lt 1200 ] && [ ! -s '" +
                           (directory(1) / "events.jsonl").string() +
                           "' ]; do i=$((i+1)); sleep 0.05; done; kill -SEGV $pid; wait $pid");
    EXPECT_EQ(died.code, 128 + SIGSEGV) << died.out << died.err;
    ASSERT_EQ(ledger().size(), 1U);
    EXPECT_EQ(read_text(repository / ".autoresearch/e2e/proposals/0001/fault.txt"), "SIGSEGV");
    const Output next = sh(line);
    ASSERT_EQ(next.code, 0) << next.out << next.err;
    expect_consistent(3);
    const auto lines = ledger();
    EXPECT_EQ(lines[1]["verdict"]["decision"], "crash");
    EXPECT_EQ(lines[1]["verdict"]["reason"], "autoresearch itself ended while it was tried: SIGSEGV");
    EXPECT_EQ(lines[1]["idea"], "idea 1");
    EXPECT_EQ(lines[2]["verdict"]["ending"], "ok") << lines[2].dump();
    EXPECT_EQ(read_text(home / "asked"), "1\n2\n") << "each once";
}

}  // namespace
}  // namespace autoresearch
