#include "proc/box.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "proc/platform.h"
#include "proc/signals.h"
#include "proc/subprocess.h"
#include "util/atomic_file.h"
#include "util/temporary_folder.h"
#include "util/text.h"
#include "util/tree.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kCannot = 126;  // a shell's code for a command that does not start

json to_json(const Box& box) {
    json places = json::array();
    for (const Place& place : box.places)
        places.push_back({place.path.string(), to_string(place.access), place.from.string()});
    return {{"kind", to_string(box.kind)},
            {"places", std::move(places)},
            {"network", box.network},
            {"new_processes", box.new_processes},
            {"gpu", box.gpu},
            {"file_mb", box.file_mb},
            {"scratch_mb", box.scratch_mb}};
}

Box box_from_json(const json& text) {
    Box box;
    box.kind = from_string<BoxKind>(text.at("kind").get<std::string>());
    for (const json& place : text.at("places"))
        box.places.push_back({place.at(0).get<std::string>(),
                              from_string<Access>(place.at(1).get<std::string>()),
                              place.at(2).get<std::string>()});
    text.at("network").get_to(box.network);
    text.at("new_processes").get_to(box.new_processes);
    text.at("gpu").get_to(box.gpu);
    text.at("file_mb").get_to(box.file_mb);
    text.at("scratch_mb").get_to(box.scratch_mb);
    return box;
}

void limit(int what, std::int64_t most) {
    const rlimit both{static_cast<rlim_t>(most), static_cast<rlim_t>(most)};
    ::setrlimit(static_cast<decltype(RLIMIT_FSIZE)>(what), &both);
}

/// Runs something real in a box of this kind: it must write where it may, and read nothing else. Returns what
/// went wrong.
std::string try_out(BoxKind kind) {
    const TemporaryFolder folder("box");
    const fs::path inside = folder.path() / "inside", outside = folder.path() / "outside";
    fs::create_directory(inside);
    fs::create_directory(outside);
    write_file(outside / "secret", "secret\n");
    Box box;
    box.kind = kind;
    box.new_processes = true;
    box.places = {{inside, Access::write}};
    ProcessSpec spec;
    spec.command = {"/bin/sh", "-c", "cat ../outside/secret && exit 3; echo x > \"$0\"/x && exit 7",
                    inside.string()};
    spec.directory = inside;
    spec.output = folder.path() / "log";
    spec.limit = 20;
    spec.bare_environment = true;
    spec.box = box;
    const ProcessResult result = run_process(spec, NeverStop());
    std::string fault;
    if (result.exit_code == 3) fault = "what it should hide can be read in it";
    if (result.exit_code != 7 && fault.empty())
        fault = clean_line(last_line(try_read_file(spec.output).value_or("")), 200);
    if (result.exit_code != 7 && fault.empty())
        fault = result.start_error.empty() ? "a shell in it fails" : result.start_error;
    if (fault.empty() && !fs::exists(inside / "x")) fault = "what is written in it gets lost";
    return fault;
}

/// Tried once a process.
const std::string& fault_of(BoxKind kind) {
    static std::map<BoxKind, std::string> known;
    const auto found = known.find(kind);
    return found != known.end() ? found->second : known.emplace(kind, try_out(kind)).first->second;
}

}  // namespace

std::vector<std::string> boxed(const Box& box, const std::vector<std::string>& command) {
    if (box.kind == BoxKind::none) return command;
    // The running program itself, whatever has become of its file since. The tests are programs of their own:
    // beside them.
    static const std::string program = [] {
        const fs::path self = platform::self(), running = "/proc/self/exe";
        return self.filename() == "autoresearch" && fs::exists(running)
                   ? running.string()
                   : (self.parent_path() / "autoresearch").string();
    }();
    // A name that is no UTF-8 becomes another, which is not there, and is not shown.
    std::vector<std::string> result = {program, "confine",
                                       to_json(box).dump(-1, ' ', false, json::error_handler_t::replace)};
    result.insert(result.end(), command.begin(), command.end());
    return result;
}

int confine(int argc, char** argv) {
    const std::span words(argv, static_cast<std::size_t>(argc));
    if (argc == 2) {
        const auto found = find_box(BoxKind::automatic);
        if (found.ok())
            std::printf("%s\n", std::string(to_string(found.value())).c_str());
        else
            std::fprintf(stderr, "autoresearch: %s\n", found.failure().reason.c_str());
        return found.ok() ? 0 : 2;
    }
    std::string error = "usage: confine BOX COMMAND...";
    if (argc > 3) {
        std::vector<std::string> command(words.begin() + 3, words.end());
        try {
            const Box box = box_from_json(json::parse(words[2]));
            limit(RLIMIT_CORE, 0);
            limit(RLIMIT_FSIZE, box.file_mb << 20);
            error = platform::enter(box, command);
        } catch (const std::exception& fault) {
            error = fault.what();
        }
        if (error.empty()) {
            std::vector<char*> arguments;
            arguments.reserve(command.size() + 1);
            for (std::string& word : command) arguments.push_back(word.data());
            arguments.push_back(nullptr);
            ::execvp(arguments.front(), arguments.data());
            error = command.front() + ": " + std::strerror(errno);
        }
    }
    std::fprintf(stderr, "autoresearch: the box does not start: %s\n", error.c_str());
    return kCannot;
}

Result<BoxKind> find_box(BoxKind asked) {
    if (asked == BoxKind::none) return asked;
    std::string why;
    for (const BoxKind kind : platform::kinds_of_box()) {
        if (asked != BoxKind::automatic && asked != kind) continue;
        const std::string& fault = fault_of(kind);
        if (fault.empty()) return kind;
        why += (why.empty() ? "" : "; ") + std::string(to_string(kind)) + ": " + fault;
    }
    if (why.empty()) why = std::string(to_string(asked)) + " is not of this system";
    return Failure{Ending::machine, why};
}

double held_on_disk_gb(const Box& box) {
    std::uintmax_t bytes = 0;
    for (const fs::path& folder : box.watched)
        walk_tree(folder, [&](const std::string&, const struct stat& status) {
            if (S_ISREG(status.st_mode)) bytes += static_cast<std::uintmax_t>(status.st_size);
            return true;
        });
    const bool over = bytes > static_cast<std::uintmax_t>(box.scratch_mb) << 20;
    return over ? static_cast<double>(bytes) / (1 << 30) : 0;
}

}  // namespace autoresearch
