#include "trial/trainer_builder.h"

#include <spdlog/fmt/fmt.h>

#include "autoresearch/error.h"
#include "contract/run_files.h"
#include "proc/subprocess.h"
#include "util/atomic_file.h"
#include "util/plain_file.h"
#include "util/temporary_folder.h"
#include "util/text.h"
#include "util/tree.h"

namespace autoresearch {
namespace {

constexpr std::uintmax_t kLargestProgram = 1 << 30;

}  // namespace

TrainerBuilder::TrainerBuilder(std::filesystem::path kit, double limit, double memory_limit,
                               const StopRequest& stop, Walls walls)
    : kit_(std::move(kit)),
      limit_(limit),
      memory_limit_(memory_limit),
      stop_(stop),
      walls_(std::move(walls)) {}

Result<std::filesystem::path> TrainerBuilder::build(const std::string& source,
                                                    const std::filesystem::path& relative_directory) {
    const auto directory = std::filesystem::absolute(relative_directory);
    const auto program = directory / "train";
    const auto log = run_files::build_log(directory);
    std::filesystem::create_directories(directory);
    // A program or an error from an earlier attempt must not pass for this one's, nor a folder be in the way.
    for (const auto& old : {program, log}) remove_tree(old);
    make_way(run_files::source(directory));
    write_file_atomically(run_files::source(directory), source);

    const TemporaryFolder work("build");
    const auto built = work.path() / "train";
    write_file(run_files::source(work.path()), source);
    ProcessSpec spec;
    spec.command = {kit_ / "build-trainer", run_files::source(work.path()), built};
    spec.output = log;
    spec.limit = limit_;
    spec.memory_limit = memory_limit_;
    box_build(walls_, work.path(), spec);
    const ProcessResult result = run_process(spec, stop_);

    if (!result.start_error.empty())
        throw UserError(result.start_error, "rebuild the project: scripts/setup");
    if (result.interrupted) return Failure{Ending::interrupted, "stopped while building"};
    if (!result.over_limit.empty())
        return Failure{Ending::out_of_memory, "the build held " + result.over_limit};
    if (result.timed_out)
        return Failure{Ending::timed_out, fmt::format("the build took longer than {:g} s", limit_)};
    if (result.succeeded()) {
        const std::string instead = copy_plain_file(built, program, kLargestProgram);
        if (instead.empty()) return program;
        if (instead != "missing")
            return Failure{Ending::build_failed, "in place of a program there is one " + instead};
    }
    std::string reason = build_failure_reason(file_tail(log, 8 << 20), work.path());
    if (reason.empty())
        reason = result.signal != 0 ? "the compiler was terminated: " + signal_name(result.signal)
                                    : "the compiler failed without any output";
    return Failure{Ending::build_failed, reason};
}

std::string build_failure_reason(const std::string& log, const std::filesystem::path& directory) {
    std::string_view error, undefined;
    for (const std::string_view line : split_lines(log)) {
        const auto has = [&](std::string_view part) { return line.find(part) != std::string_view::npos; };
        // "ld returned 1 exit status" and the like only repeat that there was an error.
        const bool empty_words = has("ld returned") || has("linker command failed");
        if (error.empty() && has("error:") && !empty_words) error = line;
        if (undefined.empty() && has("undefined reference")) undefined = line;
    }
    const std::string_view line = !error.empty() ? error : !undefined.empty() ? undefined : last_line(log);
    return clean_line(replace_all(std::string(line), directory.string() + "/", ""));
}

}  // namespace autoresearch
