// Opening a repository, and saying why not.

#include <autoresearch/error.h>
#include <pwd.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "vcs/git_repo.h"
#include "vcs/libgit2.h"

namespace autoresearch {
namespace {

/// Whether git takes repositories of other owners, too, or this one. libgit2 knows neither safe.directory=*
/// nor settings in variables.
bool is_trusted(const std::string& root) {
    const auto fits = [&](std::string_view value) { return value == "*" || value == root; };
    const char* count = std::getenv("GIT_CONFIG_COUNT");
    for (long i = 0; count != nullptr && i < std::strtol(count, nullptr, 10); ++i) {
        const char* key = std::getenv(fmt::format("GIT_CONFIG_KEY_{}", i).c_str());
        const char* value = std::getenv(fmt::format("GIT_CONFIG_VALUE_{}", i).c_str());
        if (key != nullptr && value != nullptr && std::string_view(key) == "safe.directory" && fits(value))
            return true;
    }
    Config config;  // without a pattern: libgit2 1.5 leaks when one does not match
    bool all = false;
    if (git_config_open_default(config.out()) == 0)
        git_config_get_multivar_foreach(
            config.get(), "safe.directory", nullptr,
            [](const git_config_entry* entry, void* found) {
                if (entry->value != nullptr && std::string_view(entry->value) == "*")
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

}  // namespace autoresearch
