#include "trial/kit.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "proc/platform.h"
#include "proc/signals.h"
#include "proc/subprocess.h"
#include "trial/walls.h"
#include "util/hash.h"
#include "util/temporary_folder.h"
#include "util/text.h"

namespace autoresearch {

namespace fs = std::filesystem;

namespace {

/// Empty if the user named none.
std::string given_kit() {
    const char* value = std::getenv("AUTORESEARCH_KIT");
    return value == nullptr ? "" : value;
}

/// Hash of everything that turns a train.cpp into a program.
std::string hash_of_kit(const fs::path& root) {
    std::vector<fs::path> files = {root / "build-trainer"};
    for (const char* folder : {"include", "prepare", "util"}) {
        for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
            const auto extension = entry.path().extension();
            if (extension == ".h" || extension == ".cpp" || extension == ".cu") files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    Digest digest;
    for (const auto& file : files) {
        digest.add(file.lexically_relative(root).string());
        digest.add(read_file(file));
    }
    return hex(digest.value());
}

}  // namespace

Kit open_kit() {
    const std::string given = given_kit();
    Kit kit;
    kit.directory =
        given.empty() ? platform::self().parent_path() / "kit" : fs::absolute(given).lexically_normal();
    for (const char* part : {"kit.json", "build-trainer", "include", "prepare", "util"})
        if (!fs::exists(kit.directory / part))  // an unfinished build has some
            throw UserError(
                std::string("the trainer kit is missing: no ") + part + " in " + kit.directory.string(),
                given.empty() ? "build it with scripts/setup" : "AUTORESEARCH_KIT points there; unset it");
    const auto json = nlohmann::json::parse(read_file(kit.directory / "kit.json"));
    kit.torch = json.at("torch").get<std::string>();
    kit.torch_version = json.at("torch_version").get<std::string>();
    kit.python = json.value("python", std::string());  // older kits needed none
    kit.compiler = json.at("compiler").get<std::string>();
    kit.compiler_version = json.value("compiler_version", std::string());
    if (::access(kit.compiler.c_str(), X_OK) != 0) {
        throw UserError("the C++ compiler " + kit.compiler + " is gone, so no train.cpp can be built",
                        "scripts/setup says what to install");
    }
    kit.hash = hash_of_kit(kit.directory);
    return kit;
}

std::vector<fs::path> files_of(const Kit& kit) {
    std::vector<fs::path> files = {".", "include", "build-trainer", "kit.json"};
    for (const auto& entry : fs::recursive_directory_iterator(kit.directory / "include"))
        files.push_back(entry.path().lexically_relative(kit.directory));
    for (const auto& entry : fs::directory_iterator(kit.directory))
        if (entry.path().stem() == "libsession") files.push_back(entry.path().filename());
    return files;
}

fs::path shipped_file(const fs::path& repository, const Kit& kit, const std::string& name) {
    const fs::path own = repository / name;
    return !repository.empty() && fs::is_regular_file(own) ? own : kit.directory / name;
}

nlohmann::json probe_trainer(const Kit& kit, const std::vector<std::string>& flags, const Walls* walls) {
    const fs::path program = kit.directory.parent_path() / "train";
    const TemporaryFolder folder("probe");
    ProcessSpec spec;
    spec.command = {program.string()};
    spec.command.insert(spec.command.end(), flags.begin(), flags.end());
    spec.output = folder.path() / "log";
    spec.limit = 120;
    const fs::path work = folder.path() / "work";
    fs::create_directory(work);
    if (walls != nullptr) box_probe(*walls, program, work, spec);
    const ProcessResult result = run_process(spec, NeverStop());
    const std::string text = try_read_file(spec.output).value_or("");
    const auto json = nlohmann::json::parse(last_line(text), nullptr, false);
    if (!result.succeeded() || !json.is_object()) {
        std::string why = !result.start_error.empty() ? result.start_error : std::string(last_line(text));
        why = "the trainer does not start: " + why;
        std::string hint = "rebuild it with scripts/setup; if a library is named, look at LD_LIBRARY_PATH";
        for (const std::string_view line : split_lines(text)) {  // it says itself what it lacks
            if (line.starts_with("error: ")) why = line.substr(7);
            if (line.starts_with("hint: ")) hint = line.substr(6);
        }
        throw UserError(why, hint);
    }
    return json;
}

}  // namespace autoresearch
