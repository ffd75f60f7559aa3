#include "propose/agent_walls.h"

#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "util/atomic_file.h"
#include "util/environment.h"
#include "util/file_times.h"
#include "util/home.h"
#include "util/plain_file.h"
#include "util/text.h"
#include "util/tree.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestState = 64 << 20;
constexpr std::ptrdiff_t kMostNames = 2000;  // in a home: bubblewrap takes 9,000 words, three for a place

/// What programs need to find the person's settings and the network, and no key.
constexpr const char* kOfPerson[] = {"HOME",
                                     "USER",
                                     "LOGNAME",
                                     "SHELL",
                                     "XDG_*",
                                     "*_PROXY",
                                     "*_proxy",
                                     "SSL_CERT_*",
                                     "NODE_EXTRA_CA_CERTS",
                                     "REQUESTS_CA_BUNDLE",
                                     "CURL_CA_BUNDLE",
                                     "NVM_*",
                                     "PYENV_*",
                                     "VIRTUAL_ENV",
                                     "TMPDIR"};

/// Where the person has such a folder, and where it would be by XDG_*, if that is another.
std::vector<std::string> in_place(const std::string& name) {
    constexpr std::pair<std::string_view, const char*> kMoved[] = {{"~/.local/share/", "XDG_DATA_HOME"},
                                                                   {"~/.local/state/", "XDG_STATE_HOME"},
                                                                   {"~/.config/", "XDG_CONFIG_HOME"},
                                                                   {"~/.cache/", "XDG_CACHE_HOME"}};
    const std::string usual = expand_home(name);
    for (const auto& [beginning, variable] : kMoved) {
        const char* root = std::getenv(variable);
        if (!name.starts_with(beginning) || root == nullptr || *root != '/') continue;
        const std::string moved = root + ("/" + name.substr(beginning.size()));
        return fs::exists(usual) ? std::vector{moved, usual} : std::vector{moved};
    }
    return {usual};
}

/// Folders end in "/" in the entry; "$NAME/" is one that a variable names, if it does.
std::vector<fs::path> state(const AgentAdapter& agent, bool folders) {
    std::vector<fs::path> result;
    for (std::string name : agent.state) {
        if (name.ends_with('/') != folders) continue;
        if (folders) name.pop_back();
        const char* named = name.starts_with('$') ? std::getenv(name.c_str() + 1) : name.c_str();
        if (named == nullptr || *named == '\0') continue;
        for (const std::string& place : in_place(named)) result.push_back(fs::absolute(place));
    }
    return result;
}

/// Of our environment, what the agent gets: its keys by name.
void choose_environment(const AgentAdapter& agent, const std::string& more_keys, Environment& edits) {
    std::vector<std::string> names(std::begin(kOfPerson), std::end(kOfPerson));
    names.insert(names.end(), agent.keys.begin(), agent.keys.end());
    for (const std::string& word : split_list(more_keys)) names.push_back(word);
    for (const auto& [name, value] : current_environment()) {
        const bool given =
            std::any_of(names.begin(), names.end(), [&, &name = name](const std::string& pattern) {
                return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
            });
        if (given) edits.emplace(name, value);  // what the entry sets or unsets stays so
    }
}

std::vector<std::string> split_words(std::string line) {
    std::replace_if(
        line.begin(), line.end(),
        [](char each) { return std::string_view(" \t\n'\";|&<>()").find(each) != std::string_view::npos; },
        ',');
    return split_list(line);
}

/// Not by the time of the last change: that of one name of a file is that of all.
bool same(const struct stat& a, const struct stat& b) {
    const timespec then = write_time(a), now = write_time(b);
    return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size &&
           then.tv_sec == now.tv_sec && then.tv_nsec == now.tv_nsec;
}

/// What cannot be taken leaves the old file, which still is valid.
bool try_take(const fs::path& from, const fs::path& to) try {
    const auto taken = take_plain_file(from, kLargestState);
    if (taken.text) write_file_atomically(to, *taken.text);
    return taken.text.has_value();
} catch (const std::system_error&) {
    return false;
}

/// Every place by its real path, so that none is hidden or shown by one name alone.
void make_real(std::vector<Place>& places) {
    for (Place& place : places) place.path = real_path(place.path);
}

}  // namespace

Home::Home(fs::path stand_in, const AgentAdapter& agent, Box& box) : stand_in_(std::move(stand_in)) {
    if (box.kind == BoxKind::none) return;
    const auto places = box.places;
    try {
        const fs::path home = fs::canonical(expand_home("~"));
        const bool few = std::distance(fs::directory_iterator(home), {}) <= kMostNames;
        for (const fs::path& file : state(agent, false)) {
            const bool lent = few && box.kind == BoxKind::bubblewrap && fs::is_regular_file(file) &&
                              fs::canonical(file.parent_path()) == home;
            if (lent)
                files_.push_back({fs::canonical(file), stand_in_ / file.filename()});
            else
                box.places.push_back({file, Access::write});
        }
        if (!files_.empty()) lend(home, box);
        make_real(box.places);
    } catch (const std::exception&) {  // then without: the agent reads its state, and may not replace it
        box.places = places;
        files_.clear();
    }
}

void Home::lend(const fs::path& home, Box& box) {
    remove_tree(stand_in_);
    fs::create_directories(stand_in_);
    fs::permissions(stand_in_, fs::perms::owner_all);
    box.places.push_back({home, Access::write, stand_in_});
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(home)) {
        const fs::path& name = entry.path();
        const bool known = std::any_of(box.places.begin(), box.places.end(),
                                       [&](const Place& place) { return place.path == name; });
        const bool lent = std::any_of(files_.begin(), files_.end(), [&](const Lent& file) {
            return file.here.filename() == name.filename();
        });
        if (lent) continue;
        if (entry.is_symlink(ignored))
            fs::copy_symlink(name, stand_in_ / name.filename(), ignored);
        else if (!known)
            box.places.push_back({name, Access::read});
    }
    for (Lent& file : files_) {
        fs::create_hard_link(file.real, file.here, ignored);
        if (ignored) copy_plain_file(file.real, file.here, kLargestState);  // on another disk
        ::lstat(file.real.c_str(), &file.real_then);
        ::lstat(file.here.c_str(), &file.here_then);
    }
}

Home::~Home() {
    for (const Lent& file : files_) {
        struct stat real{}, here{};
        if (::lstat(file.here.c_str(), &here) != 0 || ::lstat(file.real.c_str(), &real) != 0) continue;
        const bool replaced = !same(here, file.here_then) && here.st_ino != real.st_ino;
        if (replaced && same(real, file.real_then)) try_take(file.here, file.real);
    }
    if (!files_.empty()) remove_tree(stand_in_);
}

void box_agent(const AgentWalls& walls, const AgentAdapter& agent, const fs::path& desk,
               const fs::path& temporary, const std::string& more_keys, ProcessSpec& process) {
    Box& box = process.box;
    box.kind = walls.kind;
    if (box.kind == BoxKind::none) return;
    box.network = box.new_processes = true;
    box.file_mb = 64 << 10;
    box.scratch_mb = 4096;
    box.watched = {desk, temporary};
    // Landlock knows no folder that is empty here and full elsewhere.
    const bool mounts = box.kind == BoxKind::bubblewrap;
    for (const char* path : {"/tmp", "/var/tmp"})
        box.places.push_back({path, mounts ? Access::scratch : Access::hidden});
    box.places.push_back({"/", Access::read});
    if (!mounts) box.places.push_back({"/dev", Access::hidden});  // but for what every box shows
    if (!mounts) box.places.push_back({temporary, Access::write});
    const auto add = [&](const std::vector<fs::path>& paths, Access access) {
        for (const fs::path& path : paths) box.places.push_back({path, access});
    };
    add(walls.hidden, Access::hidden);
    add(walls.shown, Access::read);
    add({desk}, Access::write);
    for (const std::string& word : split_words(agent.shell))  // a script of the user's, wherever it is
        if (fs::path(word).is_absolute() && fs::is_regular_file(word)) add({word}, Access::read);
    add(walls.writes, Access::write);
    for (const fs::path& folder : state(agent, true)) {
        std::error_code ignored;
        fs::create_directories(folder, ignored);
        add({folder}, Access::write);
    }
    make_real(box.places);
    process.bare_environment = true;
    process.environment["TMPDIR"] = mounts ? "/tmp" : temporary.string();
    choose_environment(agent, more_keys, process.environment);
    for (std::string& word : process.command)
        if (const auto other = agent.own_sandbox.find(word); other != agent.own_sandbox.end())
            word = other->second;
}

}  // namespace autoresearch
