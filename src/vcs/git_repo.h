#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct git_oid;
struct git_repository;

namespace autoresearch {

/// The only file an experiment may change, relative to the repository's root.
inline constexpr const char* kEditableFile = "train/train.cpp";

/// refs/autoresearch/<tag>/0007
std::string experiment_ref(const std::string& tag, int number);
/// refs/autoresearch/<tag>/*
std::string experiment_refs(const std::string& tag);
/// refs/autoresearch-runs/<tag>: takes the name: a blob with the path of the working tree
std::string run_ref(const std::string& tag);
/// autoresearch/<tag>
std::string run_branch(const std::string& tag);

/// The user's git repository, to read from and to write experiments into. Nothing here touches the working
/// tree, the index or HEAD. Commits are passed and returned as 40 hex digits. When git itself fails, every
/// call throws std::runtime_error with libgit2's message.
class GitRepo {
  public:
    /// Finds the repository that contains `start`, which may be in a linked worktree. UserError if there is
    /// none, if it has no working tree, or if it cannot be opened, with the way out.
    static GitRepo open(const std::filesystem::path& start);
    /// The same, but nothing if there is none.
    static std::optional<GitRepo> find(const std::filesystem::path& start);

    /// The root of the working tree.
    std::filesystem::path workdir() const;
    /// Its folder .git, which all worktrees of a clone share.
    std::filesystem::path common_directory() const;
    /// The roots of all working trees of this clone, its own among them.
    std::vector<std::filesystem::path> worktrees() const;

    /// HEAD, detached or not. UserError if the repository has no commit yet.
    std::string head() const;
    /// Whether kEditableFile in the working tree equals HEAD's, whatever is staged. UserError if HEAD has
    /// none.
    bool is_committed() const;

    /// The commit that a hash, an abbreviated hash, a branch, a tag or a ref names; UserError if none.
    std::string resolve(const std::string& name) const;
    /// kEditableFile as of that commit. UserError if there is none.
    std::string source(const std::string& commit) const;

    /// UserError if the tag cannot be part of a branch name, or if one of the user's branches is in the way.
    void check_tag(const std::string& tag) const;
    /// What has that tag among the refs, which all worktrees of a clone share, and is not of a run of this
    /// working tree; empty if nothing.
    std::string taken_by(const std::string& tag) const;
    /// Takes it for a run of this working tree. False if another tree's run has it.
    bool take(const std::string& tag) const;
    /// True if a working tree has that branch as its HEAD: moving it would make that tree look modified.
    bool branch_checked_out(const std::string& tag) const;

    /// Makes git ignore /.autoresearch/ with a line in .git/info/exclude, unless it already does. Changes no
    /// tracked file.
    void ensure_ignored() const;

    /// Writes a commit with the tree of `parent` in which kEditableFile is `source`; every other entry and
    /// all modes stay. The author is the user's configured identity. The same arguments give the same commit.
    /// Moves no ref.
    std::string write_commit(const std::string& parent, const std::string& source, const std::string& message,
                             std::int64_t unix_time) const;
    /// Creates the ref or moves it, wherever it was. Only for refs of a run whose lock the caller holds,
    /// because it removes a lasting lock file on the ref as a killed run's.
    void set_ref(const std::string& ref, const std::string& commit, const std::string& why) const;

  private:
    explicit GitRepo(std::shared_ptr<git_repository> repository) : repository_(std::move(repository)) {}

    bool is_ours(const git_oid& owner) const;

    std::shared_ptr<git_repository> repository_;
};

/// The change of kEditableFile from one text to the other, as `git apply` accepts it; empty if there is none.
std::string unified_diff(const std::string& before, const std::string& after);

}  // namespace autoresearch
