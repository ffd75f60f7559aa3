#include "box/box.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>

#include "util/tree.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kEndOfBox = "--";
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

}  // namespace

std::vector<std::string> to_words(const Box& box) {
    // A name that is no UTF-8 becomes another, which is not there, and is not shown.
    const std::string text = to_json(box).dump(-1, ' ', false, json::error_handler_t::replace);
    constexpr std::size_t kPiece = 64 << 10;
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size(); at += kPiece) words.push_back(text.substr(at, kPiece));
    words.emplace_back(kEndOfBox);
    return words;
}

int confine(int argc, char** argv) {
    const std::span words(argv, static_cast<std::size_t>(argc));
    std::string error = "usage: confine BOX... -- COMMAND...", text;
    std::size_t at = 2;
    while (at < words.size() && std::strcmp(words[at], kEndOfBox) != 0) text += words[at++];
    if (at + 1 < words.size()) {
        std::vector<std::string> command(words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end());
        try {
            const Box box = box_from_json(json::parse(text));
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
