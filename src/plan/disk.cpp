#include "plan/disk.h"

#include <spdlog/fmt/fmt.h>

#include "autoresearch/error.h"
#include "contract/outside.h"
#include "contract/run_files.h"

namespace autoresearch {

namespace fs = std::filesystem;

namespace {

constexpr double kGib = 1 << 30;
constexpr double kUsualBytes = 3e6;  // of an experiment of 300 s: logs, events and curves of four trials

/// What an experiment of this run took so far; a guess where it has none.
double bytes_of_experiment(const fs::path& run_directory) {
    double bytes = 0;
    int experiments = 0;
    std::error_code changing;  // a run may go on
    for (const auto& entry : fs::directory_iterator(run_files::experiments(run_directory), changing)) {
        ++experiments;
        for (const auto& file : fs::recursive_directory_iterator(entry, changing))
            if (file.is_regular_file(changing)) bytes += static_cast<double>(file.file_size(changing));
    }
    return experiments > 1 ? bytes / experiments : kUsualBytes;
}

}  // namespace

double free_gib(fs::path place) {
    while (!fs::exists(place)) place = place.parent_path();
    return static_cast<double>(fs::space(place).available) / kGib;
}

std::string disk_note(const fs::path& run_directory) {
    const double free = free_gib(run_directory), least = static_cast<double>(kLeastRoom) / kGib;
    if (free < least)
        throw UserError(fmt::format("{:.2f} GiB are free in {}, but a run ends below {:.0f} GiB", free,
                                    run_directory.string(), least),
                        "free some space");
    const double each = bytes_of_experiment(run_directory);
    return fmt::format("disk: about {:.1f} MB an experiment; {:.0f} GiB free, enough for {:.0f}", each / 1e6,
                       free, (free - least) * kGib / each);
}

}  // namespace autoresearch
