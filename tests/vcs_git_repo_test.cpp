#include <autoresearch/error.h>
#include <gmock/gmock.h>

#include "git_fixture.h"
#include "vcs/git_repo.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;

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
                AllOf(HasSubstr("not a git repository"), HasSubstr("git init")));
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
    EXPECT_TRUE(repo.has_branch("nov5"));
    EXPECT_FALSE(repo.has_branch("nov6"));
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
