#include <gmock/gmock.h>

#include <stdexcept>

#include "git_fixture.h"
#include "vcs/run_repo.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class RunRepoTest : public GitFixture {
  protected:
    Experiment experiment(int number, const std::string& idea) const {
        Experiment result;
        result.number = number;
        result.started = "2026-01-31T22:10:05Z";
        result.ran_on = repo_.head();
        result.idea = idea;
        result.agent.name = "tuner";
        Trial trial;
        trial.ending = Ending::ok;
        trial.seed = 7;
        trial.val_bpb = 1.25;
        result.trials = {trial};
        result.verdict.decision = Decision::keep;
        return result;
    }

    GitRepo repo_ = GitRepo::open(root());
    RunRepo run_{repo_, {"nov5", "2.5 s cpu", "f00d", "cpu"}};
};

TEST_F(RunRepoTest, AMessageHasNoSecrets) {
    ::setenv("SOME_KEY", "Zq7wX0y1v9R-1", 1);
    const auto commit = run_.commit(experiment(3, "use Zq7wX0y1v9R-1"), "int main() { return 3; }\n");
    ::unsetenv("SOME_KEY");
    EXPECT_EQ(git_line("log -1 --format=%s " + commit), "use [SOME_KEY removed]");
}

TEST_F(RunRepoTest, AnExperimentIsACommitOnItsParent) {
    const auto parent = repo_.head();
    const auto commit = run_.commit(experiment(3, "more depth"), "int main() { return 3; }\n");
    EXPECT_EQ(git_line("rev-parse refs/autoresearch/nov5/0003"), commit);
    EXPECT_EQ(git_line("rev-parse " + commit + "^"), parent);
    EXPECT_EQ(run_.source(commit), "int main() { return 3; }\n");
    EXPECT_EQ(git_line("diff --name-only " + parent + " " + commit), "train/train.cpp");
    EXPECT_THAT(git("ls-tree -r " + commit), HasSubstr("100755 blob"));
    EXPECT_THAT(git("ls-tree -r " + commit), HasSubstr("train/notes/deep.txt"));
    EXPECT_EQ(git_line("log -1 --format='%an <%ae> %aI %cI' " + commit),
              "Ada Example <ada@example.org> 2026-01-31T22:10:05+00:00 2026-01-31T22:10:05+00:00");
    EXPECT_EQ(git_line("log -1 --format=%B " + commit),
              "more depth\n\nVal-Bpb: 1.250000\nExperiment: 3\nSeed: 7\nBudget: 2.5 s cpu\nData: "
              "f00d\nDevice: cpu\n"
              "Verdict: keep\nAgent: tuner");
    EXPECT_EQ(git_line("log -1 --format='%(trailers:key=Seed,valueonly)' " + commit), "7");
    EXPECT_EQ(git("fsck --strict --no-dangling"), "");
}

TEST_F(RunRepoTest, RecordingTwiceGivesTheSameCommitAndOtherwiseReplacesTheRef) {
    const auto once = run_.commit(experiment(1, "idea"), "a");
    EXPECT_EQ(run_.commit(experiment(1, "idea"), "a"), once);
    const auto other = run_.commit(experiment(1, "idea"), "b");
    EXPECT_NE(other, once);
    EXPECT_EQ(git_line("rev-parse refs/autoresearch/nov5/0001"), other);
    EXPECT_THAT(git("for-each-ref refs/autoresearch"), testing::Not(HasSubstr(once)));
}

TEST_F(RunRepoTest, LeavesWorkingTreeIndexAndHeadAlone) {
    directory_.write("repo/train/train.cpp", "staged\n");
    git("add train/train.cpp");
    directory_.write("repo/train/train.cpp", "dirty\n");
    directory_.write("repo/untracked.txt", "x");
    const auto state = [&] {
        return git("status --porcelain=v2 --branch") + git("write-tree") + git("reflog") +
               read_text(root() / "train/train.cpp") + git("branch --list main -v");
    };
    const auto before = state();
    const auto index = read_text(root() / ".git/index");
    std::string tip;
    for (int number = 0; number < 3; ++number) {
        auto next = experiment(number, "idea " + std::to_string(number));
        if (!tip.empty()) next.ran_on = tip;
        tip = run_.commit(next, "source " + std::to_string(number));
        run_.advance(tip);
    }
    EXPECT_EQ(state(), before);
    EXPECT_EQ(read_text(root() / ".git/index"), index);
    EXPECT_EQ(git("log --format=%s autoresearch/nov5"), "idea 2\nidea 1\nidea 0\nthe start\n");
    EXPECT_EQ(git("for-each-ref --format='%(refname)' refs/autoresearch"),
              "refs/autoresearch/nov5/0000\nrefs/autoresearch/nov5/0001\nrefs/autoresearch/nov5/0002\n");
    run_.advance(git_line("rev-parse refs/autoresearch/nov5/0000"));  // back as well as forth
    EXPECT_EQ(git_line("log -1 --format=%s autoresearch/nov5"), "idea 0");
    EXPECT_EQ(git("fsck --strict --no-dangling"), "");
}

TEST_F(RunRepoTest, GoesOnAfterAKillInTheMiddleOfARef) {
    directory_.write("repo/.git/refs/autoresearch/nov5/0001.lock", "");
    const auto commit = run_.commit(experiment(1, "idea"), "a");
    run_.advance(commit);
    EXPECT_EQ(git_line("rev-parse autoresearch/nov5 refs/autoresearch/nov5/0001"), commit + "\n" + commit);
}

TEST_F(RunRepoTest, SurvivesGarbageCollection) {
    const auto commit = run_.commit(experiment(12345, "dropped"), "dropped source");
    git("gc -q --prune=now && git pack-refs --all");
    EXPECT_EQ(git_line("rev-parse refs/autoresearch/nov5/12345"), commit);
    EXPECT_EQ(run_.source(commit), "dropped source");
}

TEST_F(RunRepoTest, WithoutAnIdentityTheProgramSigns) {
    git("config user.name ''");
    const auto commit = run_.commit(experiment(0, "x"), "y");
    EXPECT_EQ(git_line("log -1 --format='%an <%ae>' " + commit), "autoresearch <autoresearch@localhost>");
}

TEST_F(RunRepoTest, GitsFailuresAreNamed) {
    auto bad = experiment(0, "x");
    bad.ran_on = std::string(40, 'e');
    EXPECT_THROW(run_.commit(bad, "y"), std::runtime_error);
    bad = experiment(0, "x");
    bad.started = "yesterday";
    EXPECT_THROW(run_.commit(bad, "y"), std::invalid_argument);
}

TEST_F(RunRepoTest, ALongIdeaGoesOnInTheBody) {
    std::string idea;
    for (int i = 0; i < 40; ++i) idea += "wörd" + std::to_string(i) + (i % 9 == 0 ? "\nVal-Bpb: 9 " : " ");
    auto crash = experiment(5, idea);
    crash.verdict = {Decision::crash, Ending::timed_out, "no step", {}};
    crash.trials.clear();
    crash.agent.model = "m1";
    const auto commit = run_.commit(crash, "z");
    const auto subject = git_line("log -1 --format=%s " + commit);
    EXPECT_THAT(subject, StartsWith("wörd0 Val-Bpb: 9 wörd1"));
    EXPECT_THAT(subject, testing::EndsWith("..."));
    EXPECT_LE(subject.size(), 72u);
    EXPECT_THAT(git_line("log -1 --format=%b " + commit), AllOf(StartsWith("wörd0"), HasSubstr("wörd39")));
    const auto trailers = git("log -1 --format='%(trailers:only)' " + commit);
    EXPECT_THAT(trailers, testing::Not(HasSubstr("Val-Bpb")));
    EXPECT_THAT(trailers, AllOf(HasSubstr("Verdict: crash (timed_out)\n"), HasSubstr("Agent: tuner (m1)\n")));
    EXPECT_THAT(commit_message(experiment(5, ""), {}), StartsWith("experiment 5\n\nVal-Bpb"));
}

}  // namespace
}  // namespace autoresearch
