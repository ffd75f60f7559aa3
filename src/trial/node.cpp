#include "trial/node.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "autoresearch/error.h"
#include "contract/experiment_json.h"
#include "contract/run_files.h"
#include "contract/trial_spec.h"
#include "trial/trainer_builder.h"
#include "trial/trial_runner.h"
#include "util/atomic_file.h"
#include "util/hash.h"
#include "util/json.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double kSilence = 5;             // most seconds between two lines
constexpr std::size_t kLogTail = 8 << 10;  // bytes of the log that is sent back
constexpr std::size_t kPrograms = 20;      // how many to keep, newest first

/// Reports everything as lines on a descriptor. Waiting code polls it as a stop request several times a
/// second; each poll shows that it is alive and checks that somebody still reads.
class LineReporter final : public Reporter, public StopRequest {
  public:
    LineReporter(int out, const StopRequest& stop) : out_(out), stop_(stop) {}

    void phase(int, const std::string& what) override { say({{"event", "phase"}, {"what", what}}); }
    void progress(const Progress& now) override {
        say({{"event", "progress"}, {"share", now.share}, {"detail", now.detail}});
    }
    void finished(const Experiment&) override {}
    void note(const std::string& line) override { say({{"event", "note"}, {"line", line}}); }

    bool after_experiment() const override { return now(); }
    bool now() const override {
        pollfd reader{out_, 0, 0};
        if (::poll(&reader, 1, 0) > 0 && (reader.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
            unread_ = true;
        if (std::chrono::steady_clock::now() - said_ > std::chrono::duration<double>(kSilence))
            say({{"event", "alive"}});
        return unread_ || stop_.now();
    }

    /// False if nobody reads.
    bool say(const json& line) const {
        try {
            if (!unread_) write_all(out_, dump_line(line) + "\n", "the answer");
        } catch (const std::system_error&) {
            unread_ = true;
        }
        said_ = std::chrono::steady_clock::now();
        return !unread_;
    }

  private:
    int out_;
    const StopRequest& stop_;
    mutable std::chrono::steady_clock::time_point said_ = std::chrono::steady_clock::now();
    mutable bool unread_ = false;
};

/// Why this node cannot run the trial; empty if it can.
std::string unfit(const TrialSpec& spec, const NodePlace& place) {
    const auto other = [](const char* what, const std::string& wanted, const std::string& mine) {
        return std::string(what) + " " + wanted + " is required, but this node has " + mine;
    };
    if (spec.kit != place.walls.kit.hash) return other("the fixed half", spec.kit, place.walls.kit.hash);
    if (spec.torch != place.walls.kit.torch_version)
        return other("torch", spec.torch, place.walls.kit.torch_version);
    if (!fs::is_directory(place.data_root / spec.data)) return "data set " + spec.data + " is not here";
    return "";
}

/// A private folder for this process, removed at the end.
struct WorkFolder {
    explicit WorkFolder(const fs::path& parent) : path(parent / ("work-" + std::to_string(::getpid()))) {
        fs::remove_all(path);
        fs::create_directories(path);
    }
    ~WorkFolder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    WorkFolder(const WorkFolder&) = delete;
    WorkFolder& operator=(const WorkFolder&) = delete;
    const fs::path path;
};

void keep_newest(const fs::path& programs) {
    std::vector<std::pair<fs::file_time_type, fs::path>> all;
    for (const auto& entry : fs::directory_iterator(programs))
        if (entry.is_regular_file()) all.emplace_back(entry.last_write_time(), entry.path());
    std::sort(all.rbegin(), all.rend());
    std::error_code ignored;
    for (std::size_t i = kPrograms; i < all.size(); ++i) fs::remove(all[i].second, ignored);
}

/// The program for this source, built unless cached: three seeds need one build.
Result<fs::path> program_of(const TrialSpec& spec, const NodePlace& place, const fs::path& work,
                            const LineReporter& reporter) {
    Digest digest;
    digest.add(spec.source);
    digest.add(place.walls.kit.hash);
    const fs::path program = place.programs / hex(digest.value());
    if (fs::is_regular_file(program)) {
        fs::last_write_time(program, fs::file_time_type::clock::now());
        return program;
    }
    const auto built =
        TrainerBuilder(place.walls.kit.directory, spec.build_limit, spec.memory_limit, reporter, place.walls)
            .build(spec.source, work);
    if (!built.ok()) return built.failure();
    fs::rename(built.value(), program);  // atomic, even if another process builds the same
    keep_newest(place.programs);
    return program;
}

}  // namespace

bool run_node(const std::string& text, const NodePlace& place, int out, const StopRequest& stop) {
    TrialSpec spec;
    try {
        spec = trial_spec_from_json(parse_json(text));
    } catch (const std::exception& error) {
        throw UserError(std::string("the trial spec on standard input cannot be read: ") + error.what());
    }
    LineReporter reporter(out, stop);
    if (const std::string reason = unfit(spec, place); !reason.empty())
        return reporter.say({{"event", "unfit"}, {"reason", reason}});
    const WorkFolder work(place.programs);
    Trial trial;
    fs::path log = run_files::build_log(work.path);
    reporter.phase(spec.experiment, "build");
    const auto program = program_of(spec, place, work.path, reporter);
    if (program.ok()) {
        log = run_files::run_log(work.path);
        reporter.phase(spec.experiment, "train");
        trial = TrialRunner(place.data_root / spec.data, reporter, reporter, place.walls)
                    .run({spec, program.value(), work.path});
    } else {
        trial = failed_trial(program.failure());
        trial.seed = spec.seed;
    }
    if (trial.ending == Ending::interrupted) return false;
    return reporter.say({{"event", "trial"},
                         {"trial", to_json(trial)},
                         {"curve", try_read_file(curve_file(work.path, spec.seed)).value_or("")},
                         {"log", file_tail(log, kLogTail)}});
}

}  // namespace autoresearch
