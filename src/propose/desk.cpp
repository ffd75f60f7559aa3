#include "propose/desk.h"

#include <signal.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <system_error>

#include "autoresearch/error.h"
#include "contract/run_files.h"
#include "util/atomic_file.h"
#include "util/file_times.h"
#include "util/hash.h"
#include "util/plain_file.h"
#include "util/text.h"
#include "util/tree.h"

namespace autoresearch {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSource = "train/train.cpp";
constexpr const char* kIdea = "idea.txt";
constexpr const char* kExperiments = "experiments";
constexpr std::string_view kPrefix = "desk-";
constexpr std::size_t kLogTail = 8 << 10;
constexpr std::uintmax_t kLargestTaken =
    4 << 20;                  // what is worth reading at all; the guard's own limit is lower
constexpr int kDeepest = 16;  // levels of folders that are looked into
constexpr std::size_t kMostIgnored = 20;
constexpr std::size_t kIdeaBytes = 200;
constexpr auto kForgotten = std::chrono::hours(7 * 24);  // a desk that nobody laid out for so long

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

/// desk-<process id>-XXXXXX, of older versions: a desk whose process is gone belongs to nobody. Of the
/// others, a killed run that was never gone on with has left it.
void sweep(const fs::path& parent) {
    for (const auto& entry : fs::directory_iterator(parent)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(kPrefix)) continue;
        const long owner = std::strtol(name.c_str() + kPrefix.size(), nullptr, 10);
        std::error_code gone;
        const auto laid_out = fs::last_write_time(entry.path(), gone);
        const bool left = owner > 0 ? ::kill(static_cast<pid_t>(owner), 0) != 0 && errno == ESRCH
                                    : !gone && laid_out < fs::file_time_type::clock::now() - kForgotten;
        if (left) remove_tree(entry.path());
    }
}

/// One path per run, as agents keep a folder's trust and caches by it. Nobody else uses it while the run's
/// lock is held: on another machine, the same path may be another run. What a killed start left there goes.
/// Private, and never what somebody else put there.
fs::path make_folder(const fs::path& parent, const fs::path& experiments) {
    char machine[256] = "";
    ::gethostname(machine, sizeof machine - 1);
    Digest run;
    run.add(std::string_view(machine));
    run.add(fs::absolute(experiments).lexically_normal().string());
    fs::path path = parent / (std::string(kPrefix) + "of-" + hex(run.value()));
    remove_tree(path);
    if (::mkdir(path.c_str(), 0700) != 0) throw_errno("cannot make the desk " + path.string());
    return path;
}

/// Files and folder keep their time: whoever writes to a copy changes it, and a later copy of a record that
/// has grown since has another one.
void copy_experiment(const fs::path& from, const fs::path& to) {
    if (!fs::exists(run_files::result(from))) return;
    fs::create_directories(to);
    for (const auto& entry : fs::directory_iterator(from)) {
        if (entry.symlink_status().type() != fs::file_type::regular) continue;  // somebody else put it there
        const fs::path name = entry.path().filename();
        const auto is = [&](auto... file_in) { return ((name == file_in("")) || ...); };
        if (is(run_files::run_log, run_files::build_log)) {
            write_file(to / name, without_escapes(file_tail(entry.path(), kLogTail)));
        } else if (is(run_files::source, run_files::patch, run_files::result) || name.extension() == ".csv") {
            fs::copy_file(entry.path(), to / name);
        } else {
            continue;
        }
        fs::last_write_time(to / name, entry.last_write_time());
    }
    fs::last_write_time(to, fs::last_write_time(from));
}

/// What no write, replacement or change of the mode leaves as it was. An agent can set back the time of the
/// last write, but not that of the last change. Cheaper than reading the file.
std::uint64_t stamp(const struct stat& status) {
    const timespec changed = change_time(status);
    Digest digest;
    digest.add(static_cast<std::uint64_t>(status.st_ino));
    digest.add(static_cast<std::uint64_t>(status.st_size));
    digest.add(static_cast<std::uint64_t>(status.st_mtime));
    digest.add(static_cast<std::uint64_t>(changed.tv_sec));
    digest.add(static_cast<std::uint64_t>(changed.tv_nsec));
    return digest.value();
}

/// By path in the desk; that of a folder ends in a slash, unless it stands for all that is in it.
std::map<std::string, std::uint64_t> stamps_in(const fs::path& desk) {
    std::map<std::string, std::uint64_t> stamps;
    walk_tree(desk, [&](const std::string& name, const struct stat& status) {
        const bool ours = name == ".agent",
                   look = !ours && std::count(name.begin(), name.end(), '/') < kDeepest - 1;
        stamps[S_ISDIR(status.st_mode) && (ours || look) ? name + "/" : name] = stamp(status);
        return look;
    });
    return stamps;
}

}  // namespace

Desk::Desk(DeskOptions options) : options_(std::move(options)) {
    const fs::path parent = place_for_desks(options_.parent);
    fs::create_directories(parent);
    sweep(parent);
    path_ = make_folder(fs::canonical(parent), options_.experiments);
}

Desk::~Desk() {
    remove_tree(path_);
}

/// Not a link to somebody else's, which an agent may have put in the place of any folder.
bool Desk::has_experiments() const {
    std::error_code missing;
    const fs::path folder = path_ / kExperiments;
    return fs::canonical(folder, missing) == folder && fs::is_directory(folder, missing);
}

/// Leaves nothing but those of the experiments that are to be shown, are as the run has them (the incumbent's
/// trials with more seeds come later), and were touched by nobody.
void Desk::clear(const std::set<std::string>& shown) {
    const auto now = stamps_in(path_);
    if (!has_experiments()) {
        remove_tree(path_);
        fs::create_directories(path_ / kExperiments);
    }
    fs::permissions(path_, fs::perms::owner_all);
    fs::permissions(path_ / kExperiments, fs::perms::owner_all);
    for (const auto& entry : fs::directory_iterator(path_))
        if (entry.path().filename() != kExperiments) remove_tree(entry.path());
    for (const auto& entry : fs::directory_iterator(path_ / kExperiments)) {
        const std::string name = entry.path().filename().string();
        const auto below = [&](const auto& stamps) {  // '0' follows '/'
            const std::string folder = std::string(kExperiments) + "/" + name;
            return std::vector(stamps.lower_bound(folder + "/"), stamps.lower_bound(folder + "0"));
        };
        std::error_code gone;
        const bool current =
            fs::last_write_time(entry.path(), gone) == fs::last_write_time(options_.experiments / name, gone);
        if (!current || !shown.contains(name) || below(now) != below(laid_out_)) remove_tree(entry.path());
    }
}

void Desk::lay_out(const std::string& source, std::map<std::string, std::string> files,
                   const std::vector<int>& experiments, bool go_on) {
    files[kSource] = source;
    if (go_on)
        for (const char* name : {kSource, kIdea})
            if (PlainFile taken = take_plain_file(path_, name, kLargestTaken); taken.text)
                files[name] = *std::move(taken.text);
    std::set<std::string> shown;
    for (const int number : experiments) shown.insert(fmt::format("{:04}", number));
    clear(shown);
    for (const auto& name : shown) {
        const fs::path copy = path_ / kExperiments / name;
        if (!fs::exists(copy)) copy_experiment(options_.experiments / name, copy);
    }
    fs::copy_file(options_.program, path_ / "program.md");
    fs::copy(options_.kit / "prepare", path_ / "prepare", fs::copy_options::recursive);
    fs::create_directories(path_ / "include/autoresearch");
    for (const auto& header : fs::directory_iterator(options_.kit / "include/autoresearch")) {
        if (header.path().extension() == ".h")  // the precompiled one is large
            fs::copy_file(header.path(), path_ / "include/autoresearch" / header.path().filename());
    }
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
    laid_out_ = stamps_in(path_);
}

Result<DeskResult> Desk::collect(const std::string& before, const Secrets& secrets,
                                 Secrets::Names& removed) const {
    const auto fail = [](const std::string& what) {
        return Failure{Ending::no_proposal, "the agent " + what};
    };
    PlainFile taken = take_plain_file(path_, kSource, kLargestTaken);
    if (taken.missing) return fail("deleted train/train.cpp");
    if (!taken.text) return fail("made train/train.cpp " + taken.instead);
    std::string source = *std::move(taken.text);
    if (source == before) return fail("left train.cpp unchanged");
    Secrets::Names found, known;
    secrets.clean(source, found);
    secrets.clean(before, known);
    for (const std::string& name : found)
        if (!known.contains(name))
            return fail("wrote the value of " + name + " into train/train.cpp, where no key may be");
    taken = take_plain_file(path_, kIdea, kLargestTaken);
    const std::string text = without_escapes(taken.text.value_or(""));
    const std::string idea = clean_line(first_line(secrets.clean(text, removed)), kIdeaBytes);
    auto ignored = changed_files();
    for (std::string& name : ignored) name = clean_line(secrets.clean(name, removed));
    return DeskResult{std::move(source), idea.empty() ? "no idea given" : idea, std::move(ignored)};
}

std::vector<std::string> Desk::changed_files() const {
    const auto now = stamps_in(path_);
    std::map<std::string, std::uint64_t> changed;  // in either, and not the same in both
    std::set_symmetric_difference(laid_out_.begin(), laid_out_.end(), now.begin(), now.end(),
                                  std::inserter(changed, changed.end()));
    changed.erase(kSource);
    changed.erase(kIdea);
    std::erase_if(changed, [](const auto& each) { return each.first.ends_with('/'); });
    std::vector<std::string> result;
    for (const auto& [name, when] : changed) {
        if (result.size() == kMostIgnored) {
            result.push_back("and " + std::to_string(changed.size() - kMostIgnored) + " more");
            break;
        }
        result.push_back(name);
    }
    return result;
}

}  // namespace autoresearch
