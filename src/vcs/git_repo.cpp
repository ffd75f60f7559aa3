#include "vcs/git_repo.h"

#include <autoresearch/error.h>
#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "util/atomic_file.h"
#include "util/text.h"
#include "vcs/libgit2.h"

namespace autoresearch {

namespace {

constexpr const char* kIgnoredFolder = ".autoresearch/";

std::string hex(const git_oid& id) {
    std::string digits(GIT_OID_HEXSZ, '0');
    git_oid_fmt(digits.data(), &id);
    return digits;
}

git_oid parse_id(const std::string& commit) {
    git_oid id;
    check(git_oid_fromstr(&id, commit.c_str()), "read the commit id '" + commit + "'");
    return id;
}

Commit find_commit(git_repository* repository, const std::string& name) {
    const git_oid id = parse_id(name);
    Commit commit;
    check(git_commit_lookup(commit.out(), repository, &id), "find commit " + name);
    return commit;
}

Tree tree_of(const Commit& commit) {
    Tree tree;
    check(git_commit_tree(tree.out(), commit.get()), "read a tree");
    return tree;
}

/// The editable file as of a commit. UserError if there is none.
TreeEntry find_file(const Commit& commit) {
    TreeEntry entry;
    if (git_tree_entry_bypath(entry.out(), tree_of(commit).get(), kEditableFile) == 0) return entry;
    throw UserError(
        "commit " + hex(*git_commit_id(commit.get())).substr(0, 7) + " has no file " + kEditableFile,
        std::string("run it in a clone of autoresearch, or commit it first: git add ") + kEditableFile +
            " && git commit");
}

Reference find_branch(git_repository* repository, const std::string& name) {
    Reference branch;
    git_branch_lookup(branch.out(), repository, name.c_str(), GIT_BRANCH_LOCAL);
    return branch;
}

/// The user's signature, or the program's if none is configured.
Signature signature(git_repository* repository, std::int64_t unix_time) {
    Signature user, signed_then;
    const bool known = git_signature_default(user.out(), repository) == 0;
    const char* name = known ? user.get()->name : "autoresearch";
    const char* email = known ? user.get()->email : "autoresearch@localhost";
    check(git_signature_new(signed_then.out(), name, email, unix_time, 0), "make a signature");
    return signed_then;
}

/// Returns libgit2's code.
int create_ref(git_repository* repository, const std::string& ref, const git_oid& id, bool overwrite,
               const char* why) {
    const auto create = [&] {
        Reference created;
        return git_reference_create(created.out(), repository, ref.c_str(), &id, overwrite ? 1 : 0, why);
    };
    const int code = create();
    if (code != GIT_ELOCKED) return code;
    // Git holds such a lock for milliseconds. One that stays was left by a killed process.
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    std::filesystem::remove(std::filesystem::path(git_repository_commondir(repository)) / (ref + ".lock"));
    return create();
}

}  // namespace

std::string experiment_ref(const std::string& tag, int number) {
    return fmt::format("refs/autoresearch/{}/{:04}", tag, number);
}

std::string experiment_refs(const std::string& tag) {
    return "refs/autoresearch/" + tag + "/*";
}

std::string run_ref(const std::string& tag) {
    return "refs/autoresearch-runs/" + tag;
}

std::string run_branch(const std::string& tag) {
    return "autoresearch/" + tag;
}

std::filesystem::path GitRepo::workdir() const {
    std::string path = git_repository_workdir(repository_.get());
    if (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

std::filesystem::path GitRepo::common_directory() const {
    return std::filesystem::path(git_repository_commondir(repository_.get())).parent_path();
}

std::vector<std::filesystem::path> GitRepo::worktrees() const {
    std::vector<std::filesystem::path> all = {workdir()};
    if (common_directory().filename() == ".git") all.push_back(common_directory().parent_path());
    git_strarray names{};
    check(git_worktree_list(&names, repository_.get()), "list the working trees");
    for (std::size_t i = 0; i < names.count; ++i) {
        git_worktree* tree = nullptr;
        if (git_worktree_lookup(&tree, repository_.get(), names.strings[i]) != 0) continue;  // it went
        all.emplace_back(git_worktree_path(tree));
        git_worktree_free(tree);
    }
    git_strarray_dispose(&names);
    return all;
}

std::string GitRepo::head() const {
    git_oid id;
    const int code = git_reference_name_to_id(&id, repository_.get(), "HEAD");
    if (code == GIT_ENOTFOUND || code == GIT_EUNBORNBRANCH) {
        throw UserError("the repository at " + workdir().string() + " has no commit yet",
                        "commit the starting point first: git add -A && git commit -m start");
    }
    check(code, "read HEAD");
    return hex(id);
}

bool GitRepo::is_committed() const {
    const auto entry = find_file(find_commit(repository_.get(), head()));
    git_oid id;
    // Hash it as git would store it, with git's line endings and filters.
    return git_repository_hashfile(&id, repository_.get(), kEditableFile, GIT_OBJECT_BLOB, nullptr) == 0 &&
           git_oid_equal(&id, git_tree_entry_id(entry.get())) != 0;
}

std::string GitRepo::resolve(const std::string& name) const {
    Object commit;
    if (git_revparse_single(commit.out(), repository_.get(), (name + "^{commit}").c_str()) != 0) {
        throw UserError("no commit '" + name + "' in " + workdir().string(),
                        "git log autoresearch/<tag> and git for-each-ref refs/autoresearch list the commits");
    }
    return hex(*git_object_id(commit.get()));
}

std::string GitRepo::source(const std::string& commit) const {
    const auto entry = find_file(find_commit(repository_.get(), commit));
    Blob blob;
    check(git_blob_lookup(blob.out(), repository_.get(), git_tree_entry_id(entry.get())), "read a file");
    return {static_cast<const char*>(git_blob_rawcontent(blob.get())),
            static_cast<std::size_t>(git_blob_rawsize(blob.get()))};
}

void GitRepo::check_tag(const std::string& tag) const {
    int valid = 0;
    check(git_reference_name_is_valid(&valid, ("refs/heads/" + run_branch(tag)).c_str()), "check a name");
    // Below .autoresearch/ the tag is one folder name.
    if (valid == 0 || tag.empty() || tag.find('/') != std::string::npos) {
        throw UserError(
            "'" + tag + "' cannot be a tag: branch autoresearch/" + tag + " would not be a valid name",
            "use letters, digits, - and _");
    }
    if (find_branch(repository_.get(), "autoresearch")) {
        throw UserError("a branch named 'autoresearch' blocks branch " + run_branch(tag),
                        "rename it: git branch -m autoresearch <another name>");
    }
}

std::string GitRepo::taken_by(const std::string& tag) const {
    if (git_oid owner; git_reference_name_to_id(&owner, repository_.get(), run_ref(tag).c_str()) == 0)
        return is_ours(owner) ? "" : "a run " + tag + " of another worktree of this clone";
    if (find_branch(repository_.get(), run_branch(tag))) return "branch " + run_branch(tag);
    References experiments;
    check(git_reference_iterator_glob_new(experiments.out(), repository_.get(), experiment_refs(tag).c_str()),
          "list refs");
    const char* first = nullptr;
    return git_reference_next_name(&first, experiments.get()) == 0 ? experiment_refs(tag) : "";
}

bool GitRepo::is_ours(const git_oid& owner) const {
    const std::string here = workdir().string();
    git_oid id;
    check(git_odb_hash(&id, here.data(), here.size(), GIT_OBJECT_BLOB), "hash a text");
    return git_oid_equal(&id, &owner) != 0;
}

bool GitRepo::take(const std::string& tag) const {
    // From within a linked worktree, libgit2 1.5 overwrites a ref that it should only create.
    Repository shared;
    check(git_repository_open(shared.out(), git_repository_commondir(repository_.get())),
          "open the shared half");
    const std::string here = workdir().string();
    git_oid id;
    check(git_blob_create_from_buffer(&id, shared.get(), here.data(), here.size()), "store a text");
    const int code = create_ref(shared.get(), run_ref(tag), id, false, "autoresearch: run");
    if (code == GIT_EEXISTS) return taken_by(tag).empty();
    check(code, "take the name " + tag);
    return true;
}

bool GitRepo::branch_checked_out(const std::string& tag) const {
    const auto branch = find_branch(repository_.get(), run_branch(tag));
    return branch && git_branch_is_checked_out(branch.get()) == 1;
}

void GitRepo::ensure_ignored() const {
    int ignored = 0;
    check(git_ignore_path_is_ignored(&ignored, repository_.get(), kIgnoredFolder), "read its ignore rules");
    if (ignored != 0) return;

    const auto file = std::filesystem::path(git_repository_commondir(repository_.get())) / "info" / "exclude";
    std::filesystem::create_directories(file.parent_path());
    std::string text = try_read_file(file).value_or("");
    if (!text.empty() && text.back() != '\n') text += '\n';
    write_file_atomically(file, text + "/" + kIgnoredFolder + "\n");
}

std::string GitRepo::write_commit(const std::string& parent, const std::string& source,
                                  const std::string& message, std::int64_t unix_time) const {
    const auto parent_commit = find_commit(repository_.get(), parent);
    const auto parent_tree = tree_of(parent_commit);
    git_tree_update update{};
    update.action = GIT_TREE_UPDATE_UPSERT;
    update.path = kEditableFile;
    update.filemode = git_tree_entry_filemode(find_file(parent_commit).get());
    check(git_blob_create_from_buffer(&update.id, repository_.get(), source.data(), source.size()),
          "store a file");
    git_oid tree_id;
    check(git_tree_create_updated(&tree_id, repository_.get(), parent_tree.get(), 1, &update),
          "store a tree");
    Tree tree;
    check(git_tree_lookup(tree.out(), repository_.get(), &tree_id), "read a tree");

    const auto author = signature(repository_.get(), unix_time);
    git_oid commit_id;
    check(git_commit_create_v(&commit_id, repository_.get(), nullptr, author.get(), author.get(), nullptr,
                              message.c_str(), tree.get(), 1, parent_commit.get()),
          "store a commit");
    return hex(commit_id);
}

void GitRepo::set_ref(const std::string& ref, const std::string& commit, const std::string& why) const {
    const int code = create_ref(repository_.get(), ref, parse_id(commit), true, why.c_str());
    check(code, "set " + ref);
}

std::string unified_diff(const std::string& before, const std::string& after) {
    start_libgit2();
    git_diff_options options;  // the next line fills all of it
    git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
    options.flags = GIT_DIFF_FORCE_TEXT;
    Patch patch;
    check(git_patch_from_buffers(patch.out(), before.data(), before.size(), kEditableFile, after.data(),
                                 after.size(), kEditableFile, &options),
          "compare two texts");
    git_buf text{};
    check(git_patch_to_buf(&text, patch.get()), "write a diff");
    std::string result(text.ptr, text.size);
    git_buf_dispose(&text);
    return result;
}

}  // namespace autoresearch
