#include "propose/desk.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <system_error>

#include "autoresearch/error.h"
#include "util/atomic_file.h"
#include "util/hash.h"
#include "util/text.h"

namespace autoresearch {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSource = "train/train.cpp";
constexpr const char* kIdea = "idea.txt";
constexpr const char* kPrefix = "desk-";
constexpr std::size_t kLogTail = 8 << 10;
constexpr std::uintmax_t kLargestTaken =
    4 << 20;  // what is worth reading at all; the guard's own limit is lower
constexpr std::size_t kMostIgnored = 20;
constexpr std::size_t kIdeaBytes = 200;

bool in_git_work_tree(const fs::path& folder) {
    for (fs::path at = fs::absolute(folder); at != at.root_path(); at = at.parent_path()) {
        if (fs::exists(at / ".git")) return true;
    }
    return false;
}

/// An agent that finds a repository around its desk would read its rules, and could change it.
fs::path place_for_desks(const fs::path& wanted) {
    if (!wanted.empty() && !in_git_work_tree(wanted)) return wanted;
    const fs::path temporary = fs::temp_directory_path() / "autoresearch-desks";
    if (!in_git_work_tree(temporary)) return temporary;
    throw UserError("no place for the agent's desk outside a git work tree: neither " + wanted.string() +
                        " nor " + temporary.string(),
                    "set TMPDIR to a folder outside");
}

void remove_tree(const fs::path& folder) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    if (!ignored) return;
    // An agent may have taken away our right to write in a folder.
    fs::permissions(folder, fs::perms::owner_all, ignored);
    fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied, ignored);
    for (; !ignored && entry != fs::recursive_directory_iterator(); entry.increment(ignored)) {
        std::error_code refused;
        if (entry->symlink_status(refused).type() == fs::file_type::directory)
            fs::permissions(entry->path(), fs::perms::owner_all, refused);
    }
    fs::remove_all(folder, ignored);
}

/// desk-<process id>-XXXXXX: a desk whose process is gone belongs to nobody.
void sweep(const fs::path& parent) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(parent, ignored)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(kPrefix)) continue;
        const long owner = std::strtol(name.c_str() + std::char_traits<char>::length(kPrefix), nullptr, 10);
        if (owner > 0 && ::kill(static_cast<pid_t>(owner), 0) != 0 && errno == ESRCH)
            remove_tree(entry.path());
    }
}

void copy_sources(const fs::path& from, const fs::path& to) {
    for (const auto& entry : fs::recursive_directory_iterator(from)) {
        const auto extension = entry.path().extension();
        if (!entry.is_regular_file() || (extension != ".h" && extension != ".cpp")) continue;
        const fs::path target = to / entry.path().lexically_relative(from);
        fs::create_directories(target.parent_path());
        fs::copy_file(entry.path(), target);
    }
}

void copy_experiment(const fs::path& from, const fs::path& to) {
    fs::create_directories(to);
    std::error_code missing;
    for (const char* name : {"train.cpp", "patch.diff", "result.json"})
        fs::copy_file(from / name, to / name, missing);
    for (const auto& entry : fs::directory_iterator(from))  // the curves of its trials
        if (entry.path().extension() == ".csv") fs::copy_file(entry.path(), to / entry.path().filename());
    for (const char* name : {"run.log", "build.log"}) {
        if (fs::exists(from / name)) write_file(to / name, file_tail(from / name, kLogTail));
    }
}

/// A file of the desk without following a link, neither at its end nor at its folder. Nothing when it is no
/// plain file.
bool is_plain_file(const fs::path& desk, const fs::path& relative) {
    std::error_code missing;
    fs::path at = desk;
    for (const auto& part : relative.parent_path()) {
        at /= part;
        if (fs::symlink_status(at, missing).type() != fs::file_type::directory) return false;
    }
    return fs::symlink_status(desk / relative, missing).type() == fs::file_type::regular;
}

std::string read_idea(const fs::path& desk) {
    std::error_code missing;
    std::string idea;
    if (is_plain_file(desk, kIdea) && fs::file_size(desk / kIdea, missing) <= kLargestTaken) {
        idea = clean_line(first_line(try_read_file(desk / kIdea).value_or("")), kIdeaBytes);
    }
    return idea.empty() ? "no idea given" : idea;
}

std::map<std::string, std::uint64_t> hash_files(const fs::path& desk) {
    std::map<std::string, std::uint64_t> hashes;
    std::error_code ignored;
    fs::recursive_directory_iterator entry(desk, fs::directory_options::skip_permission_denied, ignored);
    for (; !ignored && entry != fs::recursive_directory_iterator(); entry.increment(ignored)) {
        const std::string name = entry->path().lexically_relative(desk).string();
        const auto type = entry->symlink_status(ignored).type();
        if (name == ".agent") entry.disable_recursion_pending();
        if (type == fs::file_type::directory) continue;
        const bool readable = type == fs::file_type::regular && entry->file_size(ignored) <= kLargestTaken;
        // What cannot or need not be read differs from any file that was sealed.
        hashes[name] = readable ? xxh64(try_read_file(entry->path()).value_or("")) : 0;
    }
    return hashes;
}

}  // namespace

Desk::Desk(const DeskOptions& options) {
    const fs::path parent = place_for_desks(options.parent);
    fs::create_directories(parent);
    sweep(parent);
    std::string pattern = (parent / (kPrefix + std::to_string(::getpid()) + "-XXXXXX")).string();
    if (::mkdtemp(pattern.data()) == nullptr) throw_errno("cannot make a desk in " + parent.string());
    path_ = fs::canonical(pattern);
    try {
        fill(options);
    } catch (...) {
        remove_tree(path_);
        throw;
    }
}

Desk::~Desk() {
    remove_tree(path_);
}

void Desk::fill(const DeskOptions& options) {
    fs::create_directories(scratch());
    fs::copy_file(options.program, path_ / "program.md");
    copy_sources(options.kit / "include" / "autoresearch", path_ / "include" / "autoresearch");
    copy_sources(options.kit / "prepare", path_ / "prepare");
    if (fs::exists(options.experiments)) {
        for (const auto& entry : fs::directory_iterator(options.experiments)) {
            // Only those that are over: the one being proposed has a folder already, but no result.
            if (fs::exists(entry.path() / "result.json")) {
                copy_experiment(entry.path(), path_ / "experiments" / entry.path().filename());
            }
        }
    }
    add("check",
        "#!/bin/sh\n# Compiles train/train.cpp as the harness will, and prints the errors.\ncd \"$(dirname "
        "\"$0\")\" && exec " +
            shell_quote((fs::absolute(options.kit) / "build-trainer").string()) +
            " --check train/train.cpp\n");
    fs::permissions(path_ / "check", fs::perms::owner_exec, fs::perm_options::add);
}

void Desk::add(const fs::path& relative, const std::string& text) {
    fs::create_directories((path_ / relative).parent_path());
    write_file(path_ / relative, text);
}

void Desk::seal(const std::string& source) {
    add(kSource, source);
    sealed_ = hash_files(path_);
}

void Desk::mend(const std::string& source) {
    remove_tree(scratch());
    fs::create_directories(scratch());
    if (read_source().ok()) return;
    remove_tree((path_ / kSource).parent_path());
    add(kSource, source);
}

Result<std::string> Desk::read_source() const {
    const auto failure = [](const std::string& reason) { return Failure{Ending::no_proposal, reason}; };
    std::error_code missing;
    if (!fs::exists(fs::symlink_status(path_ / kSource, missing)))
        return failure("the agent deleted train/train.cpp");
    if (!is_plain_file(path_, kSource))
        return failure("the agent made train/train.cpp something else than a plain file");
    const auto size = fs::file_size(path_ / kSource, missing);
    if (size > kLargestTaken) {
        return failure("the agent made train/train.cpp " + std::to_string(size >> 20) + " MiB large");
    }
    auto source = try_read_file(path_ / kSource);
    if (!source) return failure("the agent made train/train.cpp unreadable");
    return std::move(*source);
}

Result<DeskResult> Desk::collect(const std::string& before) const {
    auto source = read_source();
    if (!source.ok()) return source.failure();
    if (source.value() == before)
        return Failure{Ending::no_proposal, "the agent changed nothing in train/train.cpp"};
    return DeskResult{std::move(source.value()), read_idea(path_), changed_files()};
}

std::vector<std::string> Desk::changed_files() const {
    const auto now = hash_files(path_);
    std::map<std::string, std::uint64_t> changed;  // in either, and not the same in both
    std::set_symmetric_difference(sealed_.begin(), sealed_.end(), now.begin(), now.end(),
                                  std::inserter(changed, changed.end()));
    changed.erase(kSource);
    changed.erase(kIdea);
    std::vector<std::string> result;
    for (const auto& [name, hash] : changed) {
        if (result.size() == kMostIgnored) {
            result.push_back("and " + std::to_string(changed.size() - kMostIgnored) + " more");
            break;
        }
        result.push_back(to_valid_utf8(name));
    }
    return result;
}

}  // namespace autoresearch
