#include "record/run_info.h"

#include <algorithm>
#include <chrono>

#include "autoresearch/error.h"
#include "contract/run_files.h"
#include "util/atomic_file.h"
#include "util/json.h"
#include "util/text.h"
#include "util/time.h"

namespace autoresearch {

namespace fs = std::filesystem;
using nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunInfo, created, version, start_commit, from_working_tree, data, kit,
                                   torch, device)

std::vector<std::string> run_tags(const fs::path& repository) {
    std::vector<std::string> tags;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(run_files::all_runs(repository), missing)) {
        if (fs::exists(run_files::run(entry.path()))) tags.push_back(entry.path().filename().string());
    }
    std::sort(tags.begin(), tags.end());
    return tags;
}

void save_run(const RunInfo& run) {
    json object = run;
    object["machine"] = run.machine;
    if (!run.known.empty()) object["known"] = parse_json(run.known);
    object["kit_files"] = run.kit_files;
    object["data_files"] = run.data_files;
    object["config"] = to_json(run.config);
    write_file_atomically(run_files::run(run.directory), object.dump(2) + "\n");
}

static RunInfo load_run(const fs::path& directory) {
    const fs::path file = run_files::run(directory);
    try {
        const json object = parse_json(read_file(file));
        RunInfo run = object.get<RunInfo>();
        run.machine = object.value("machine", run.machine);  // older runs have none, nor the next three
        if (object.contains("known")) run.known = object["known"].dump();
        run.kit_files = object.value("kit_files", run.kit_files);
        run.data_files = object.value("data_files", run.data_files);
        run.config = resolved_from_json(object.at("config"));
        run.directory = directory;
        return run;
    } catch (const std::exception& error) {
        throw UserError(file.string() + " is damaged: " + error.what(), "start a new run with another --tag");
    }
}

std::optional<LastRun> last_run(const fs::path& repository) {
    std::optional<LastRun> last;
    for (const auto& tag : run_tags(repository)) {
        std::error_code missing;
        const auto log = run_files::log(run_files::run_directory(repository, tag));
        const std::chrono::duration<double> age =
            fs::file_time_type::clock::now() - fs::last_write_time(log, missing);
        if (!missing && (!last || age.count() < last->seconds_ago)) last = LastRun{tag, age.count()};
    }
    return last;
}

RunInfo require_run(const fs::path& repository, std::string tag) {
    const auto tags = run_tags(repository);
    const auto last = last_run(repository);
    if (tag.empty() && last) tag = last->tag;
    if (std::count(tags.begin(), tags.end(), tag) > 0)
        return load_run(run_files::run_directory(repository, tag));
    const std::string close = nearest(tag, tags);
    throw UserError("there is no run" + (tag.empty() ? "" : " " + tag) + " in " +
                        run_files::all_runs(repository).string(),
                    close.empty() ? "start one: autoresearch run" : "did you mean --tag " + close + "?");
}

fs::path by_hand_directory(const fs::path& repository, const std::string& name) {
    constexpr std::size_t kKept = 10;
    const fs::path parent = run_files::by_hand(repository);
    const fs::path created = parent / (utc_now("%Y%m%d-%H%M%S-") + name);
    fs::create_directories(created);
    std::vector<fs::path> all(fs::directory_iterator(parent), {});
    std::sort(all.begin(), all.end());  // the names begin with the time
    for (std::size_t i = 0; i + kKept < all.size(); ++i) fs::remove_all(all[i]);
    return created;
}

}  // namespace autoresearch
