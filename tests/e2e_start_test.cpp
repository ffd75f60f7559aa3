// What `run` and the other commands say when they cannot start: one sentence, the mend, code 2, nothing
// half-written.

#include "e2e_fixture.h"

namespace autoresearch {
namespace {

class StartE2e : public E2eTest {
  protected:
    void expect_refused(const std::string& arguments, const std::string& words, const std::string& mend) {
        const Output output = autoresearch(arguments);
        EXPECT_EQ(output.code, 2) << output.out << output.err;
        EXPECT_NE(output.err.find(words), std::string::npos) << output.err;
        EXPECT_NE(output.err.find(mend), std::string::npos) << output.err;
    }
};

TEST_F(StartE2e, AnUncommittedChangeIsNamedAndCanBeStartedFrom) {
    sh("echo '// mine' >> train/train.cpp");
    expect_refused(run_line("--experiments 1"), "train/train.cpp has uncommitted changes",
                   "--from-working-tree");
    EXPECT_FALSE(std::filesystem::exists(repository / ".autoresearch"));
    const Output run =
        autoresearch(run_line("--from-working-tree --clock cpu --agent true --max-failures 1"));
    EXPECT_EQ(run.code, 1) << run.out << run.err;
    EXPECT_NE(sh("git show autoresearch/e2e:train/train.cpp | tail -n 1").out.find("// mine"),
              std::string::npos);
    EXPECT_EQ(sh("git status --porcelain").out, " M train/train.cpp\n") << "and it is still there";
    expect_refused(run_line("--budget 3"), "--budget is 3, but run \"e2e\" was started with 2", "--tag");
    expect_refused(run_line("--clock wall"), "--clock is \"wall\", but run \"e2e\" was started with \"cpu\"",
                   "--tag");
    EXPECT_NE(autoresearch("status").out.find(", 2 s cpu on cpu, "), std::string::npos);
    EXPECT_NE(sh("git log -1 --format=%B autoresearch/e2e").out.find("Budget: 2 s cpu\n"), std::string::npos);
    const Output again = autoresearch(run_line("--from-working-tree --agent true --experiments 1"));
    EXPECT_EQ(again.code, 0) << "the same command goes on: " << again.err;
}

TEST_F(StartE2e, ARunEndsBeforeItsDiskIsFull) {
    const std::string folder = (repository / ".autoresearch").string();
    std::filesystem::create_directory(folder);
    if (sh("mount -t tmpfs -o size=1100m none '" + folder + "'").code != 0)
        GTEST_SKIP() << "only root can mount a small disk";
    const auto agent = home.write("agent.sh", R"(head -c 100000000 /dev/zero >> ')" + folder + R"(/filler'
sed -i "s/ DEPTH = {4, 8, .}/ DEPTH = {4, 8, $1}/" train/train.cpp
echo 'less depth' > idea.txt
)");
    const std::string line =
        run_line("--no-box --experiments 2 --agent 'sh " + agent.string() + " {experiment}'");
    const Output ended = autoresearch(line);
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_NE(ended.out.find("disk: about "), std::string::npos) << ended.out;
    EXPECT_NE(ended.out.find("MB are left on its disk; free some space"), std::string::npos) << ended.out;
    expect_consistent(2);
    expect_refused(line, "GiB are free in " + folder, "free some space");
    sh("rm '" + folder + "/filler'");
    EXPECT_EQ(autoresearch(line).code, 0);
    expect_consistent(3);
    EXPECT_EQ(sh("umount '" + folder + "'").code, 0);
}

TEST_F(StartE2e, WhatIsMissingIsSaidWithTheMend) {
    expect_refused("run --vocab-size 300 --corpus torch-sources", "no prepared data", "autoresearch prepare");
    expect_refused("run --budget abc", "--budget", "");
    expect_refused("run --budgte 3", "there is no flag --budgte", "did you mean --budget?");
    expect_refused("rnu", "there is no command rnu", "did you mean run?");
    expect_refused("status", "there is no run", "autoresearch run");
    expect_refused("replay 3", "there is no run", "autoresearch run");
    expect_refused("prepare --corpus /nowhere/at-all" + std::string(kData), "/nowhere/at-all", "");
    expect_refused(run_line("--agent nonesuch"), "nonesuch", "");
    ::setenv("SOME_KEY", "Zq7wX0y1v9R-1", 1);
    expect_refused(run_line("--agent \"true $SOME_KEY\""), "--agent has the value of SOME_KEY",
                   "'$SOME_KEY' in single quotes");
    expect_refused(run_line("--agent true --agent-args \"--key=$SOME_KEY\""),
                   "--agent-args has the value of SOME_KEY", "");
    ::unsetenv("SOME_KEY");
    EXPECT_FALSE(std::filesystem::exists(repository / ".autoresearch")) << "nothing half-made";
    sh("git branch autoresearch/e2e");
    expect_refused(run_line(""), "branch autoresearch/e2e already exists", "--tag");
    sh("git switch -q autoresearch/e2e");
    expect_refused(run_line(""), "branch autoresearch/e2e is checked out", "git switch");
    sh("git switch -q main; git branch -D autoresearch/e2e");
    expect_refused(run_line("--tag 'a b'"), "a b", "");
    sh("git rm -q --cached train/train.cpp");
    sh("mv train/train.cpp gone.cpp");
    expect_refused(run_line(""), "train/train.cpp", "");
    sh("rm -rf .git");
    expect_refused(run_line(""), "git", "cd into your clone");
    sh("git init -q");
    expect_refused(run_line(""), "commit", "");
    const Output kit = sh(std::string("AUTORESEARCH_KIT=/nowhere ") + kBinary + " train");
    EXPECT_EQ(kit.code, 2);
    EXPECT_NE(kit.err.find("kit"), std::string::npos) << kit.err;
}

TEST_F(StartE2e, HelpAndVersionAndDoctor) {
    EXPECT_EQ(autoresearch("--version").code, 0);
    for (const char* command : {"prepare", "train", "run", "replay", "status", "doctor"}) {
        const Output help = autoresearch(std::string(command) + " --help");
        EXPECT_EQ(help.code, 0);
        EXPECT_NE(help.out.find("--json"), std::string::npos) << command;
    }
    const auto report = nlohmann::json::parse(autoresearch("doctor --json").out);
    for (const auto& check : report["checks"]) {
        if (check["name"] == "data") continue;  // this test's data is not that of the default preset
        EXPECT_EQ(check["ok"], true) << check.dump(2);
    }
}

TEST_F(StartE2e, ATestCallSaysWhatTheAgentDid) {
    const auto call = [&](const std::string& agent) {
        return autoresearch("doctor --json --call --agent \"" + agent + "\"");
    };
    const Output good = call("echo '// test' >> train/train.cpp; echo test > idea.txt; echo done");
    EXPECT_EQ(good.code, 0) << good.err;
    const auto worked = nlohmann::json::parse(good.out);
    EXPECT_EQ(worked["works"], true);
    EXPECT_EQ(worked["edit"], "idea: test");
    EXPECT_EQ(worked["message"], "done");
    const Output bad = call("echo no key >&2; exit 3");
    EXPECT_EQ(bad.code, 1);
    const auto failed = nlohmann::json::parse(bad.out);
    EXPECT_EQ(failed["exit_code"], 3);
    EXPECT_EQ(failed["edit"], "none: the agent failed with exit code 3: no key");
    EXPECT_EQ(failed["usd"], nullptr);
    EXPECT_EQ(call("no-such-agent now").code, 2);
}

TEST_F(StartE2e, TrainByHandPrintsTheSummaryBlock) {
    const Output train =
        autoresearch("train --device cpu --budget 2 --corpus '" + corpus().string() + "'" + kData);
    ASSERT_EQ(train.code, 0) << train.err;
    for (const char* key :
         {"---\n", "val_bpb:  ", "training_seconds: ", "total_seconds: ", "peak_vram_mb: ", "mfu_percent: ",
          "total_tokens_M: ", "num_steps: ", "num_params_M: ", "depth: "}) {
        EXPECT_NE(train.out.find(key), std::string::npos) << key << " is not in\n" << train.out;
    }
    EXPECT_EQ(sh("git status --porcelain").out, "");
}

}  // namespace
}  // namespace autoresearch
