#include "propose/desk.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <system_error>

#include "autoresearch/error.h"
#include "contract/run_files.h"
#include "util/atomic_file.h"
#include "util/hash.h"
#include "util/text.h"

namespace autoresearch {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSource = "train/train.cpp";
constexpr const char* kIdea = "idea.txt";
constexpr std::string_view kPrefix = "desk-";
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
    if (!in_git_work_tree(wanted)) return wanted;
    const fs::path temporary = fs::temp_directory_path() / "autoresearch-desks";
    if (!in_git_work_tree(temporary)) return temporary;
    throw UserError("no place for the agent's desk outside a git work tree: neither " + wanted.string() +
                        " nor " + temporary.string(),
                    "set TMPDIR to a folder outside");
}

void remove_tree(const fs::path& path) {
    std::error_code ignored;
    if (fs::symlink_status(path, ignored).type() == fs::file_type::directory) {
        // An agent may have taken away our right to write in a folder.
        fs::permissions(path, fs::perms::owner_all, ignored);
        for (const auto& entry : fs::directory_iterator(path, ignored)) remove_tree(entry.path());
    }
    fs::remove(path, ignored);
}

/// desk-<process id>-XXXXXX: a desk whose process is gone belongs to nobody.
void sweep(const fs::path& parent) {
    for (const auto& entry : fs::directory_iterator(parent)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(kPrefix)) continue;
        const long owner = std::strtol(name.c_str() + kPrefix.size(), nullptr, 10);
        if (owner > 0 && ::kill(static_cast<pid_t>(owner), 0) != 0 && errno == ESRCH)
            remove_tree(entry.path());
    }
}

/// Only experiments that are over: the one being proposed has a folder already, but no result.
void copy_experiments(const fs::path& from, const fs::path& to) {
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(from, missing)) {
        const fs::path target = to / entry.path().filename();
        if (!fs::exists(run_files::result(entry.path()))) continue;
        fs::create_directories(target);
        for (const auto& file_in : {run_files::source, run_files::patch, run_files::result})
            fs::copy_file(file_in(entry.path()), file_in(target), missing);
        for (const auto& file : fs::directory_iterator(entry.path())) {  // the curves of its trials
            if (file.path().extension() == ".csv")
                fs::copy_file(file.path(), target / file.path().filename());
        }
        for (const auto& log_in : {run_files::run_log, run_files::build_log}) {
            if (fs::exists(log_in(entry.path())))
                write_file(log_in(target), file_tail(log_in(entry.path()), kLogTail));
        }
    }
}

/// A file of the desk that is one, without a link on the way, and not too large to read.
std::optional<std::string> taken(const fs::path& desk, const char* name) {
    std::error_code missing;
    const fs::path file = desk / name;
    const bool plain = fs::canonical(file, missing) == file && fs::is_regular_file(file, missing);
    return plain && fs::file_size(file, missing) <= kLargestTaken ? try_read_file(file) : std::nullopt;
}

std::map<std::string, std::uint64_t> hash_files(const fs::path& desk) {
    std::map<std::string, std::uint64_t> hashes;
    std::error_code ignored;
    fs::recursive_directory_iterator entry(desk, fs::directory_options::skip_permission_denied, ignored);
    for (; !ignored && entry != fs::recursive_directory_iterator(); entry.increment(ignored)) {
        const std::string name = entry->path().lexically_relative(desk).string();
        if (name == ".agent") entry.disable_recursion_pending();
        if (entry->symlink_status(ignored).type() == fs::file_type::directory) continue;
        // What cannot or need not be read differs from any file that was laid out.
        hashes[name] = xxh64(taken(desk, name.c_str()).value_or(""));
    }
    return hashes;
}

}  // namespace

Desk::Desk(DeskOptions options) : options_(std::move(options)) {
    const fs::path parent = place_for_desks(options_.parent);
    fs::create_directories(parent);
    sweep(parent);
    std::string pattern =
        fs::canonical(parent) / (std::string(kPrefix) + std::to_string(::getpid()) + "-XXXXXX");
    if (::mkdtemp(pattern.data()) == nullptr) throw_errno("cannot make a desk in " + parent.string());
    path_ = pattern;
}

Desk::~Desk() {
    remove_tree(path_);
}

void Desk::lay_out(const std::string& source, std::map<std::string, std::string> files) {
    files[kSource] = taken(path_, kSource).value_or(source);
    if (const auto idea = taken(path_, kIdea)) files[kIdea] = *idea;
    remove_tree(path_);
    fs::create_directory(path_);
    fs::permissions(path_, fs::perms::owner_all);
    fs::copy_file(options_.program, path_ / "program.md");
    fs::copy(options_.kit / "prepare", path_ / "prepare", fs::copy_options::recursive);
    fs::create_directories(path_ / "include/autoresearch");
    for (const auto& header : fs::directory_iterator(options_.kit / "include/autoresearch")) {
        if (header.path().extension() == ".h")  // the precompiled one is large
            fs::copy_file(header.path(), path_ / "include/autoresearch" / header.path().filename());
    }
    copy_experiments(options_.experiments, path_ / "experiments");
    write_file(path_ / "check",
               "#!/bin/sh\n# Compiles train/train.cpp as the harness will, and prints the errors.\n"
               "cd \"$(dirname \"$0\")\" && exec " +
                   shell_quote((fs::absolute(options_.kit) / "build-trainer").string()) +
                   " --check train/train.cpp\n");
    fs::permissions(path_ / "check", fs::perms::owner_exec, fs::perm_options::add);
    for (const auto& [name, text] : files) {
        fs::create_directories((path_ / name).parent_path());
        write_file(path_ / name, text);
    }
    laid_out_ = hash_files(path_);
}

Result<DeskResult> Desk::collect(const std::string& before) const {
    const auto fail = [](const std::string& what) {
        return Failure{Ending::no_proposal, "the agent " + what};
    };
    const fs::path file = path_ / kSource;
    std::error_code missing;
    if (!fs::exists(fs::symlink_status(file, missing))) return fail("deleted train/train.cpp");
    const auto size = fs::file_size(file, missing);
    if (!missing && size > kLargestTaken)
        return fail("made train/train.cpp " + std::to_string(size >> 20) + " MiB large");
    auto source = taken(path_, kSource);
    if (!source) return fail("made train/train.cpp something other than a plain file");
    if (*source == before) return fail("changed nothing in train/train.cpp");
    const std::string idea = clean_line(first_line(taken(path_, kIdea).value_or("")), kIdeaBytes);
    return DeskResult{std::move(*source), idea.empty() ? "no idea given" : idea, changed_files()};
}

std::vector<std::string> Desk::changed_files() const {
    const auto now = hash_files(path_);
    std::map<std::string, std::uint64_t> changed;  // in either, and not the same in both
    std::set_symmetric_difference(laid_out_.begin(), laid_out_.end(), now.begin(), now.end(),
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
