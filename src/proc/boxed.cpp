#include "proc/boxed.h"

#include <cstdio>
#include <map>

#include "proc/platform.h"
#include "proc/signals.h"
#include "proc/subprocess.h"
#include "util/atomic_file.h"
#include "util/temporary_folder.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

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
    std::vector<std::string> result = {program, "confine"};
    for (const auto& words : {to_words(box), command})
        result.insert(result.end(), words.begin(), words.end());
    return result;
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

int print_box() {
    const auto found = find_box(BoxKind::automatic);
    if (found.ok())
        std::printf("%s\n", std::string(to_string(found.value())).c_str());
    else
        std::fprintf(stderr, "autoresearch: %s\n", found.failure().reason.c_str());
    return found.ok() ? 0 : 2;
}

}  // namespace autoresearch
