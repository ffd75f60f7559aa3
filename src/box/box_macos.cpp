#include <algorithm>
#include <array>

#include "box/box.h"

namespace autoresearch {

std::string open_ends(BoxKind) {
    return "not tried on a Mac: a process may be seen by its name, and shared memory outlives its maker";
}

namespace platform {
namespace {

namespace fs = std::filesystem;

/// A string of the profile's language.
std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char each : text) {
        if (each == '"' || each == '\\') result += '\\';
        result += each;
    }
    return result + "\"";
}

/// All but what is denied is allowed, as Metal needs more services than are known; later rules win.
std::string profile(const Box& box) {
    std::string text =
        "(version 1)(allow default)(deny file-write*)(deny signal (target others))"
        "(deny job-creation)(deny lsopen)(deny appleevent-send)";
    if (!box.network) text += "(deny network*)";
    if (!box.new_processes) text += "(deny process-fork)";
    for (const char* home :
         {"/Users", "/Volumes", "/private/tmp", "/private/var/folders", "/private/etc/ssh"})
        text += "(deny file-read* (subpath " + quoted(home) + "))";
    std::vector<Place> places = box.places;
    std::stable_sort(places.begin(), places.end(),
                     [](const Place& a, const Place& b) { return a.path < b.path; });
    for (const Place& place : places) {
        std::error_code missing;
        const fs::path path = fs::canonical(place.path, missing);  // profiles know no links
        if (missing) continue;
        const std::string where =
            (fs::is_directory(path) ? " (subpath " : " (literal ") + quoted(path) + "))";
        text += (place.access == Access::hidden ? "(deny file-read*" : "(allow file-read*") + where;
        if (place.access == Access::write || place.access == Access::scratch)
            text += "(allow file-write*" + where;
        else
            text += "(deny file-write*" + where;
    }
    // To reach a place, the folders above it must be known, though not listed.
    text += "(allow file-read-metadata)";
    text += R"((allow file-write* (literal "/dev/null") (literal "/dev/dtracehelper")))";
    text += R"((allow file-read* file-write* (regex #"^/private/var/folders/.*/com\.apple\.metal")))";
    return text;
}

}  // namespace

std::vector<BoxKind> kinds_of_box() {
    return {BoxKind::seatbelt};
}

std::vector<std::string> gpu_devices() {
    return {"Metal"};  // which no file tells
}

std::string enter(const Box& box, std::vector<std::string>& command) {
    const std::array<std::string, 3> line = {"/usr/bin/sandbox-exec", "-p", profile(box)};
    command.insert(command.begin(), line.begin(), line.end());
    return "";
}

}  // namespace platform
}  // namespace autoresearch
