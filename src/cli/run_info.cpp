#include "cli/run_info.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "cli/workspace.h"
#include "record/run_files.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {

namespace fs = std::filesystem;
using nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunInfo, created, version, start_commit, from_working_tree, data, kit,
                                   torch, device)

std::vector<std::string> run_tags(const fs::path& repository) {
    std::vector<std::string> tags;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(repository / run_files::kFolder, missing)) {
        if (fs::exists(entry.path() / run_files::kRun)) tags.push_back(entry.path().filename().string());
    }
    std::sort(tags.begin(), tags.end());
    return tags;
}

void save_run(const RunInfo& run) {
    json object = run;
    object["config"] = to_json(run.config);
    write_file_atomically(run.directory / run_files::kRun, object.dump(2) + "\n");
}

std::optional<RunInfo> load_run(const fs::path& repository, const std::string& tag) {
    const fs::path directory = run_files::run_directory(repository, tag), file = directory / run_files::kRun;
    const auto text = try_read_file(file);
    if (!text) return std::nullopt;
    try {
        const json object = json::parse(*text);
        RunInfo run = object.get<RunInfo>();
        run.config = resolved_from_json(object.at("config"), file.string());
        run.directory = directory;
        return run;
    } catch (const json::exception& error) {
        throw UserError(file.string() + " is damaged: " + error.what(), "start a new run with another --tag");
    }
}

std::optional<LastRun> last_run(const fs::path& repository) {
    std::optional<LastRun> last;
    for (const auto& tag : run_tags(repository)) {
        for (const char* name : {run_files::kRun, run_files::kLedger}) {
            std::error_code missing;
            const auto touched =
                fs::last_write_time(run_files::run_directory(repository, tag) / name, missing);
            if (missing) continue;
            const std::chrono::duration<double> age = fs::file_time_type::clock::now() - touched;
            if (!last || age.count() < last->seconds_ago) last = LastRun{tag, age.count()};
        }
    }
    return last;
}

RunInfo require_run(const fs::path& repository, const std::string& tag) {
    const std::string place = (repository / run_files::kFolder).string();
    const auto last = tag.empty() ? last_run(repository) : std::nullopt;
    if (tag.empty() && !last) throw UserError("there is no run in " + place, "start one: autoresearch run");
    const std::string& wanted = last ? last->tag : tag;
    if (auto run = load_run(repository, wanted)) return *run;
    const std::string close = nearest(wanted, run_tags(repository));
    throw UserError("there is no run \"" + wanted + "\" in " + place,
                    close.empty() ? "start one: autoresearch run" : "did you mean --tag " + close + "?");
}

std::filesystem::path require_same_data(const RunInfo& run) {
    std::filesystem::path directory = data_root() / run.data;
    if (std::filesystem::exists(directory)) return directory;
    throw UserError(
        "data set " + run.data + " of run \"" + run.tag() + "\" is not in " + data_root().string(),
        "prepare it again: autoresearch prepare --preset " + run.config.values.preset);
}

}  // namespace autoresearch
