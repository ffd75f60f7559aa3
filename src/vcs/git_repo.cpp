#include "vcs/git_repo.h"

#include <autoresearch/error.h>
#include <git2.h>
#include <pwd.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {

namespace {

constexpr const char* kIgnoredFolder = ".autoresearch/";

/// Owns one libgit2 object, or none.
template <class T, void (*Free)(T*)>
class Handle {
  public:
    Handle() = default;
    Handle(Handle&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Handle& operator=(Handle&&) = delete;
    ~Handle() { Free(object_); }

    T** out() { return &object_; }  // for a function that creates one
    T* get() const { return object_; }
    explicit operator bool() const { return object_ != nullptr; }

  private:
    T* object_ = nullptr;
};

using Blob = Handle<git_blob, git_blob_free>;
using Commit = Handle<git_commit, git_commit_free>;
using Config = Handle<git_config, git_config_free>;
using Object = Handle<git_object, git_object_free>;
using Patch = Handle<git_patch, git_patch_free>;
using Reference = Handle<git_reference, git_reference_free>;
using References = Handle<git_reference_iterator, git_reference_iterator_free>;
using Repository = Handle<git_repository, git_repository_free>;
using Signature = Handle<git_signature, git_signature_free>;
using Tree = Handle<git_tree, git_tree_free>;
using TreeEntry = Handle<git_tree_entry, git_tree_entry_free>;

/// What libgit2 says about its last failure.
std::string last_words() {
    const git_error* error = git_error_last();
    return error != nullptr && error->message != nullptr ? error->message : "unknown error";
}

/// Throws std::runtime_error for a negative code.
void check(int code, const std::string& what) {
    if (code < 0) throw std::runtime_error("git cannot " + what + ": " + last_words());
}

// libgit2 stays initialised until the program ends: owners may be destroyed at any time before.
void start_libgit2() {
    [[maybe_unused]] static const bool started = [] {
        check(git_libgit2_init(), "start");
        // A ledger line must never name a commit that a power cut takes away.
        git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
        // What sparse checkouts and partial clones turn on; older versions of libgit2 refuse all that they do
        // not know, but none of these changes how a commit is read or written.
        const char* extensions[] = {"worktreeconfig", "partialclone", "preciousobjects"};
        git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions, std::size(extensions));
        return true;
    }();
}

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

/// Whether git takes repositories of other owners, too, or this one. libgit2 knows neither safe.directory=*
/// nor settings in variables.
bool is_trusted(const std::string& root) {
    const auto fits = [&](std::string_view value) { return value == "*" || value == root; };
    const char* count = std::getenv("GIT_CONFIG_COUNT");
    for (int i = 0; count != nullptr && i < std::atoi(count); ++i) {
        const char* key = std::getenv(fmt::format("GIT_CONFIG_KEY_{}", i).c_str());
        const char* value = std::getenv(fmt::format("GIT_CONFIG_VALUE_{}", i).c_str());
        if (key != nullptr && value != nullptr && std::string_view(key) == "safe.directory" && fits(value))
            return true;
    }
    Config config;
    bool all = false;
    if (git_config_open_default(config.out()) == 0)
        git_config_get_multivar_foreach(
            config.get(), "safe.directory", "^[*]$",
            [](const git_config_entry*, void* found) {
                *static_cast<bool*>(found) = true;
                return 0;
            },
            &all);
    return all;
}

/// Who owns the path; empty if we do.
std::string other_owner(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0 || status.st_uid == ::geteuid()) return "";
    const passwd* user = ::getpwuid(status.st_uid);
    return user != nullptr ? user->pw_name : fmt::format("user {}", status.st_uid);
}

/// The folder that holds .git, from `start` upwards.
std::string root_above(const std::filesystem::path& start) {
    std::filesystem::path root = std::filesystem::weakly_canonical(start);
    while (root.has_relative_path() && !std::filesystem::exists(root / ".git")) root = root.parent_path();
    return root.string();
}

[[noreturn]] void refuse_to_open(const std::filesystem::path& start, int code) {
    const std::string why = last_words(), root = root_above(start), place = "the git repository at " + root;
    if (code == GIT_EOWNER)
        throw UserError(place + " belongs to " + other_owner(root) + ", not to you",
                        "if you trust it: git config --global --add safe.directory " + root);
    if (why.find("objectformat") != std::string::npos)
        throw UserError(place + " names its objects by SHA-256, which libgit2 cannot read",
                        "copy its files into a new one: git init --object-format=sha1");
    if (why.find("refstorage") != std::string::npos)
        throw UserError(place + " keeps its refs in a reftable, which libgit2 cannot read",
                        "git refs migrate --ref-format=files (git 2.46), or clone it anew");
    throw UserError("cannot open " + place + ": " + why);
}

}  // namespace

std::string run_refs(const std::string& tag, const std::string& name) {
    return "refs/autoresearch/" + tag + "/" + name;
}

std::string experiment_ref(const std::string& tag, int number) {
    return run_refs(tag, fmt::format("{:04}", number));
}

std::string run_branch(const std::string& tag) {
    return "autoresearch/" + tag;
}

std::optional<GitRepo> GitRepo::find(const std::filesystem::path& start) {
    start_libgit2();
    git_repository* raw = nullptr;
    int code = git_repository_open_ext(&raw, start.c_str(), 0, nullptr);
    const std::string root = root_above(start);
    // What libgit2 1.5 says of a foreign owner, too.
    if (code == GIT_ENOTFOUND && !other_owner(root + "/.git").empty()) code = GIT_EOWNER;
    if (code == GIT_EOWNER && is_trusted(root)) {
        git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
        code = git_repository_open_ext(&raw, start.c_str(), 0, nullptr);
    }
    if (code == GIT_ENOTFOUND) return std::nullopt;
    if (code < 0) refuse_to_open(start, code);
    GitRepo repo({raw, git_repository_free});
    if (git_repository_workdir(raw) == nullptr) {
        throw UserError("the git repository at " + start.string() + " is bare: it has no working tree",
                        "run this in a clone or a worktree of it");
    }
    return repo;
}

GitRepo GitRepo::open(const std::filesystem::path& start) {
    if (auto found = find(start)) return *std::move(found);
    // Never advise to commit whatever lies in a folder that is not ours.
    throw UserError("not a git repository: " + start.string(),
                    std::filesystem::exists(start / kEditableFile)
                        ? "make this one: git init && git add -A && git commit -m start"
                        : "cd into your clone of autoresearch");
}

std::filesystem::path GitRepo::workdir() const {
    std::string path = git_repository_workdir(repository_.get());
    if (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

std::string GitRepo::head() const {
    git_oid id;
    const int code = git_reference_name_to_id(&id, repository_.get(), "HEAD");
    if (code == GIT_ENOTFOUND || code == GIT_EUNBORNBRANCH) {
        throw UserError("the repository at " + workdir().string() + " has no commit yet",
                        "commit what the run should start from: git add -A && git commit -m start");
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

bool GitRepo::is_taken(const std::string& tag) const {
    if (find_branch(repository_.get(), run_branch(tag))) return true;
    References names;
    check(git_reference_iterator_glob_new(names.out(), repository_.get(), run_refs(tag, "*").c_str()),
          "list refs");
    const char* first = nullptr;
    return git_reference_next_name(&first, names.get()) == 0;
}

bool GitRepo::take(const std::string& tag, const std::string& commit) const {
    // From within a linked worktree, libgit2 1.5 overwrites a ref that it should only create.
    Repository shared;
    check(git_repository_open(shared.out(), git_repository_commondir(repository_.get())),
          "open the shared half");
    const git_oid id = parse_id(commit);
    Reference created;
    const int code = git_reference_create(created.out(), shared.get(), run_refs(tag, "start").c_str(), &id, 0,
                                          "autoresearch: run");
    if (code == GIT_EEXISTS) return false;
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
    const git_oid id = parse_id(commit);
    const auto create = [&] {
        Reference created;
        return git_reference_create(created.out(), repository_.get(), ref.c_str(), &id, 1, why.c_str());
    };
    int code = create();
    if (code == GIT_ELOCKED) {
        // Git holds such a lock for milliseconds. One that stays was left by a killed process.
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        std::filesystem::remove(std::filesystem::path(git_repository_commondir(repository_.get())) /
                                (ref + ".lock"));
        code = create();
    }
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
