#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

struct git_repository;

namespace autoresearch {

/// The one file an experiment may change, relative to the repository's root.
inline constexpr const char* kEditableFile = "train/train.cpp";

/// refs/autoresearch/<tag>/0007
std::string experiment_ref(const std::string& tag, int number);
/// autoresearch/<tag>
std::string run_branch(const std::string& tag);

/// The user's git repository, to read from and to write experiments into. Nothing here touches the working
/// tree, the index or HEAD. Commits are given and returned as 40 hex digits. Where git itself fails, every
/// call throws std::runtime_error with libgit2's words.
class GitRepo {
  public:
    /// Finds the repository that holds `start`; linked worktrees too. UserError when there is none, when it
    /// has no working tree, or when git refuses to open it.
    static GitRepo open(const std::filesystem::path& start);

    /// The root of the working tree.
    std::filesystem::path workdir() const;

    struct Head {
        std::string commit;
        std::string subject;
    };
    /// HEAD, detached or not. UserError when the repository has no commit yet.
    Head head() const;

    enum class FileState { committed, modified, uncommitted, missing };
    /// How a file of the working tree stands against HEAD. `missing` is: not in the working tree;
    /// `uncommitted`: in the working tree but not in HEAD. What is staged does not matter.
    FileState file_state(const std::string& path = kEditableFile) const;

    /// The commit that a hash, an abbreviated hash, a branch, a tag or a ref stands for; UserError when none.
    std::string resolve(const std::string& name) const;
    /// A file's text as of that commit; nothing when the commit has no such file.
    std::optional<std::string> try_file(const std::string& commit,
                                        const std::string& path = kEditableFile) const;
    /// The same, but UserError when there is none.
    std::string file(const std::string& commit, const std::string& path = kEditableFile) const;

    /// UserError when the tag cannot be part of a branch name, or when a branch of the user's is in the way.
    void check_tag(const std::string& tag) const;
    /// Tip of branch autoresearch/<tag>; nothing when it does not exist.
    std::optional<std::string> branch_tip(const std::string& tag) const;
    /// True when a working tree has that branch as its HEAD: moving it would make that tree look modified.
    bool branch_checked_out(const std::string& tag) const;

    /// Makes git ignore /.autoresearch/ by a line in .git/info/exclude, unless it does already. No tracked
    /// file changes.
    void ensure_ignored() const;

    /// A commit with the tree of `parent` in which kEditableFile is `source`; every other entry and all modes
    /// stay. The author is the user's configured identity. The same arguments give the same commit. No ref
    /// moves.
    std::string write_commit(const std::string& parent, const std::string& source, const std::string& message,
                             std::int64_t unix_time) const;
    /// Creates the ref or moves it, wherever it was; only for refs of a run whose lock the caller holds,
    /// because a lock file that stays on the ref is taken for a killed run's and removed.
    void set_ref(const std::string& ref, const std::string& commit, const std::string& why) const;

  private:
    struct Closer {
        void operator()(git_repository* repository) const;
    };
    explicit GitRepo(git_repository* repository) : repository_(repository) {}

    std::unique_ptr<git_repository, Closer> repository_;
};

/// The change from one text to the other as `git apply` takes it; empty when there is none.
std::string unified_diff(const std::string& before, const std::string& after,
                         const std::string& path = kEditableFile);

}  // namespace autoresearch
