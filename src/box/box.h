#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "contract/result.h"
#include "contract/settings.h"

namespace autoresearch {

/// What a boxed process may do with a file, or with a folder and all below it, as far as no deeper place says
/// otherwise.
enum class Access {
    hidden,
    read,     // and execute
    write,    // and read
    scratch,  // an empty folder to write in, of which nothing is taken back
};
template <>
inline constexpr std::array<std::string_view, 4> kNames<Access> = {"hidden", "read", "write", "scratch"};

struct Place {
    std::filesystem::path path;  // absolute; one that does not exist counts for nothing
    Access access = Access::read;
    std::filesystem::path from = {};  // bubblewrap: what is seen there; empty: what is there
};

/// Walls around a process and all that it starts. It reaches the places that are named, the system's programs
/// and libraries, the descriptors that it was given, and nothing else: no home, no other process, no
/// capability of root's.
struct Box {
    BoxKind kind = BoxKind::none;  // none: no walls; never automatic
    std::vector<Place> places;
    bool network = false;
    bool new_processes = false;   // else it has threads alone, and may neither send signals nor share memory
    bool gpu = false;             // the devices of an NVIDIA GPU
    std::int64_t file_mb = 1024;  // the largest file that it may make, or make of a descriptor's
    std::int64_t scratch_mb = 1024;  // what a scratch place may hold, and the watched folders together
    std::vector<std::filesystem::path> watched;
};

/// As the words that `confine` takes: none may be longer than 128 KiB (MAX_ARG_STRLEN).
std::vector<std::string> to_words(const Box& box);

/// `confine BOX... -- COMMAND...`: puts this process in the box and becomes the command. Returns, with
/// an exit code as a shell's, only when that fails.
int confine(int argc, char** argv);

/// What its watched folders hold, in GB, when that is more than scratch_mb; else 0.
double held_on_disk_gb(const Box& box);

/// What this kind leaves open on this machine, in a few words for a person; empty: nothing known.
std::string open_ends(BoxKind kind);

namespace platform {
/// Kinds that this system could have, the best first.
std::vector<BoxKind> kinds_of_box();
/// What a GPU of this system could be, as far as files tell; empty: there is none.
std::vector<std::string> gpu_devices();
/// Makes this process, or the command that replaces it, live in the box. Returns why that does not work;
/// empty: execute `command` now. Only between the start of a program and exec.
std::string enter(const Box& box, std::vector<std::string>& command);
}  // namespace platform

}  // namespace autoresearch
