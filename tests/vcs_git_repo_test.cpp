#include <autoresearch/error.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>

#include "git_fixture.h"
#include "vcs/git_repo.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#else
namespace __lsan {
struct ScopedDisabler {
    ScopedDisabler() {}  // so that it counts as used
};
}  // namespace __lsan
#endif

namespace autoresearch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using GitRepoTest = GitFixture;

std::string hint_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const UserError& error) {
        return std::string(error.what()) + " / " + error.hint();
    }
    return "no UserError";
}

TEST_F(GitRepoTest, FindsTheRepositoryFromAFolderInside) {
    const auto repo = GitRepo::open(root() / "train");
    EXPECT_EQ(repo.workdir(), root());
    EXPECT_EQ(repo.head(), git_line("rev-parse HEAD"));
}

TEST_F(GitRepoTest, SaysWhatIsWrongAndTheMend) {
    std::filesystem::create_directories(directory_ / "empty");
    EXPECT_THAT(hint_of([&] { GitRepo::open(directory_ / "empty"); }),
                AllOf(HasSubstr("not a git repository"), HasSubstr("cd into"), Not(HasSubstr("git init"))));
    directory_.write("ours/train/train.cpp", "");
    EXPECT_THAT(hint_of([&] { GitRepo::open(directory_ / "ours"); }), HasSubstr("git init"));
    EXPECT_FALSE(GitRepo::find(directory_ / "empty"));
    git("init -q --bare", directory_ / "bare");
    EXPECT_THAT(hint_of([&] { GitRepo::open(directory_ / "bare"); }), HasSubstr("bare"));
    git("init -q", directory_ / "unborn");
    const auto unborn = GitRepo::open(directory_ / "unborn");
    EXPECT_THAT(hint_of([&] { unborn.head(); }), AllOf(HasSubstr("no commit yet"), HasSubstr("git commit")));
    const auto repo = GitRepo::open(root());
    EXPECT_THAT(hint_of([&] { repo.resolve("nonsense"); }), HasSubstr("no commit 'nonsense'"));
    EXPECT_THROW(repo.source(std::string(40, 'f')), std::runtime_error);
    git("rm -q --cached train/train.cpp && git commit -q -m without");
    EXPECT_THAT(hint_of([&] { repo.source(repo.head()); }), HasSubstr("no file train/train.cpp"));
    EXPECT_THAT(hint_of([&] { repo.is_committed(); }), HasSubstr("git add train/train.cpp"));
}

TEST_F(GitRepoTest, AForeignOwnerIsNamedAndTrustedAsGitTrustsHim) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a repository away";
    const auto give_away = "chown -R 12345:12345 '" + root().string() + "'";
    ASSERT_EQ(std::system(give_away.c_str()), 0);
    const std::string line = "git config --global --add safe.directory " + root().string();
    for (const auto& start : {root(), root() / "train"})
        EXPECT_THAT(hint_of([&] { GitRepo::find(start); }),
                    AllOf(HasSubstr("belongs to user 12345"), HasSubstr(line)));
    ::setenv("GIT_CONFIG_COUNT", "1", 1);
    ::setenv("GIT_CONFIG_KEY_0", "safe.directory", 1);
    ::setenv("GIT_CONFIG_VALUE_0", "/elsewhere", 1);
    EXPECT_THAT(hint_of([&] { GitRepo::open(root()); }), HasSubstr(line));
    ::setenv("GIT_CONFIG_VALUE_0", root().c_str(), 1);
    EXPECT_EQ(GitRepo::open(root()).workdir(), root());
    ::unsetenv("GIT_CONFIG_COUNT");
}

TEST_F(GitRepoTest, OpensPartialAndSparseClones) {
    const __lsan::ScopedDisabler libgit2_1_5_leaks_where_it_looks_for_extensions;
    git("config uploadpack.allowFilter true");
    git("clone -q --filter=blob:none 'file://" + root().string() + "' '" + (directory_ / "part").string() +
        "'");
    git("sparse-checkout set --cone train", directory_ / "part");
    const auto repo = GitRepo::open(directory_ / "part");
    EXPECT_TRUE(repo.is_committed());
    git("clone -q --depth 1 'file://" + root().string() + "' '" + (directory_ / "shallow").string() + "'");
    EXPECT_TRUE(GitRepo::open(directory_ / "shallow").is_committed());
}

TEST_F(GitRepoTest, WhatLibgit2CannotReadIsNamedWithTheWayOut) {
    const __lsan::ScopedDisabler libgit2_1_5_leaks_where_it_looks_for_extensions;
    git("init -q --object-format=sha256", directory_ / "long");
    EXPECT_THAT(hint_of([&] { GitRepo::open(directory_ / "long"); }),
                AllOf(HasSubstr("SHA-256"), HasSubstr("--object-format=sha1")));
    git("config core.repositoryFormatVersion 1");
    git("config extensions.refStorage reftable");
    EXPECT_THAT(hint_of([&] { GitRepo::find(root()); }),
                AllOf(HasSubstr("reftable"), HasSubstr("git refs migrate")));
    git("config --file '" + (root() / ".git/config").string() + "' --unset extensions.refStorage",
        directory_.path());
    git("config --file '" + (root() / ".git/config").string() + "' extensions.fromTheFuture 1",
        directory_.path());
    EXPECT_THAT(hint_of([&] { GitRepo::find(root()); }), HasSubstr("fromthefuture"));
}

TEST_F(GitRepoTest, ANameIsTakenOnceForAllWorktrees) {
    const auto repo = GitRepo::open(root());
    git("worktree add -q --detach '" + (directory_ / "second").string() + "'");
    const auto second = GitRepo::open(directory_ / "second");
    EXPECT_EQ(second.taken_by("nov5"), "");
    EXPECT_TRUE(repo.take("nov5"));
    EXPECT_NE(second.taken_by("nov5"), "");
    EXPECT_FALSE(second.take("nov5"));
    EXPECT_EQ(repo.taken_by("nov5"), "") << "a start that was killed just then goes on";
    EXPECT_TRUE(repo.take("nov5"));
    directory_.write("repo/.git/refs/autoresearch-runs/nov7.lock", "");
    EXPECT_TRUE(second.take("nov7")) << "left by a killed process";
    EXPECT_TRUE(second.take("nov5-2"));
    git("update-ref refs/autoresearch/older/0000 HEAD");
    EXPECT_NE(second.taken_by("older"), "");
    EXPECT_EQ(second.taken_by("old"), "");
}

TEST_F(GitRepoTest, ComparesTheWorkingTreeWithHeadWhateverIsStaged) {
    const auto repo = GitRepo::open(root());
    EXPECT_TRUE(repo.is_committed());
    directory_.write("repo/train/train.cpp", "int main() { return 1; }\n");
    EXPECT_FALSE(repo.is_committed());
    git("add -A");
    EXPECT_FALSE(repo.is_committed());
    directory_.write("repo/train/train.cpp", "int main() {}\n");
    EXPECT_TRUE(repo.is_committed());
    std::filesystem::remove(root() / "train/train.cpp");
    EXPECT_FALSE(repo.is_committed());
}

TEST_F(GitRepoTest, LineEndingsThatGitConvertsAreNoChange) {
    directory_.write("repo/.gitattributes", "*.cpp text eol=crlf\n");
    git("add -A && git commit -q -m crlf");
    directory_.write("repo/train/train.cpp", "int main() {}\r\n");
    EXPECT_TRUE(GitRepo::open(root()).is_committed());
}

TEST_F(GitRepoTest, ResolvesHashesBranchesTagsAndRefs) {
    const auto head = git_line("rev-parse HEAD");
    git("branch autoresearch/nov5");
    git("tag -a v1 -m annotated");
    git("update-ref refs/autoresearch/nov5/0003 HEAD");
    const auto repo = GitRepo::open(root());
    for (const auto& name :
         {head, head.substr(0, 7), std::string("main"), std::string("HEAD"), std::string("v1"),
          std::string("autoresearch/nov5"), experiment_ref("nov5", 3)}) {
        EXPECT_EQ(repo.resolve(name), head) << name;
    }
    EXPECT_EQ(repo.source(head), "int main() {}\n");
    EXPECT_NE(repo.taken_by("nov5"), "");
    EXPECT_EQ(repo.taken_by("nov6"), "");
    EXPECT_FALSE(repo.branch_checked_out("nov5"));
    git("checkout -q autoresearch/nov5");
    EXPECT_TRUE(repo.branch_checked_out("nov5"));
}

TEST_F(GitRepoTest, RefusesTagsThatCannotBecomeABranch) {
    const auto repo = GitRepo::open(root());
    EXPECT_NO_THROW(repo.check_tag("nov5-2"));
    for (const auto* tag : {"", "a b", "a/b", "..", "x.lock", "a~1"})
        EXPECT_THROW(repo.check_tag(tag), UserError) << tag;
    git("branch autoresearch");
    EXPECT_THAT(hint_of([&] { repo.check_tag("nov5"); }), HasSubstr("git branch -m autoresearch"));
}

TEST_F(GitRepoTest, IgnoresTheRunFolderWithoutTouchingTrackedFiles) {
    directory_.write("repo/.git/info/exclude", "*.o");  // no newline at its end
    directory_.write("repo/.autoresearch/nov5/ledger.jsonl", "x");
    EXPECT_NE(git("status --porcelain"), "");
    const auto repo = GitRepo::open(root());
    repo.ensure_ignored();
    EXPECT_EQ(git("status --porcelain"), "");
    const auto once = read_text(root() / ".git/info/exclude");
    EXPECT_EQ(once, "*.o\n/.autoresearch/\n");
    repo.ensure_ignored();
    EXPECT_EQ(read_text(root() / ".git/info/exclude"), once);
}

TEST_F(GitRepoTest, AnIgnoreRuleOfTheUsersIsEnough) {
    directory_.write("repo/.gitignore", ".autoresearch/\n");
    const auto before = read_text(root() / ".git/info/exclude");
    GitRepo::open(root()).ensure_ignored();
    EXPECT_EQ(read_text(root() / ".git/info/exclude"), before);
}

TEST_F(GitRepoTest, WorksInALinkedWorktreeWithDetachedHead) {
    git("worktree add -q --detach ../linked");
    const auto linked = directory_ / "linked";
    directory_.write("linked/.autoresearch/a/lock", "");
    const auto repo = GitRepo::open(linked);
    EXPECT_EQ(repo.workdir(), linked);
    EXPECT_TRUE(repo.is_committed());
    repo.ensure_ignored();
    EXPECT_EQ(git("status --porcelain", linked), "");
    repo.set_ref(experiment_ref("a", 0), repo.head(), "test");
    EXPECT_EQ(git_line("rev-parse refs/autoresearch/a/0000"), repo.head());
    using ::testing::IsSupersetOf;  // each may see the others' runs
    EXPECT_THAT(repo.worktrees(), IsSupersetOf({root(), linked}));
    EXPECT_THAT(GitRepo::open(root()).worktrees(), IsSupersetOf({root(), linked}));
}

TEST_F(GitRepoTest, DiffsCanBeApplied) {
    const std::string before = "int main() {}\n";
    const std::string after = "int main() {\n    return 0;\n}";  // no newline at its end
    EXPECT_EQ(unified_diff(before, before), "");
    directory_.write("repo/change.patch", unified_diff(before, after));
    git("apply change.patch");
    EXPECT_EQ(read_text(root() / "train/train.cpp"), after);
}

}  // namespace
}  // namespace autoresearch
