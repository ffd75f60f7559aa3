// bench_scale make|measure REPOSITORY COUNT, an absolute path: for scripts/bench scale. Makes a run of so
// many experiments with the real ledger writer, or measures what it costs to go on with it, on one line.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "cli/commands.h"
#include "contract/run_files.h"
#include "fakes/fakes.h"
#include "guard/source_guard.h"
#include "judge/paired_judge.h"
#include "judge/trial_curves.h"
#include "loop/experiment_loop.h"
#include "propose/agent_proposer.h"
#include "record/file_ledger.h"
#include "util/atomic_file.h"
#include "util/hash.h"
#include "util/text.h"

using namespace autoresearch;
namespace fs = std::filesystem;

namespace {

constexpr const char* kTag = "bench";
constexpr int kSteps = 300;

double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Between 0 and 1, always the same for the same experiment and purpose.
double chance(int experiment, const char* purpose) {
    return static_cast<double>(xxh64(purpose, static_cast<std::uint64_t>(experiment))) / 0x1p64;
}

/// About 12 KB, and no two the same.
std::string source(int number) {
    std::string text = "constexpr int NUMBER = " + std::to_string(number) + ";\n";
    for (int i = 0; i < 200; ++i)
        text += "constexpr double CONSTANT_" + std::to_string(i) + " = 0.123456789;  // what it is for\n";
    return text;
}

/// Ever rarer, as in a night: about 50 of the first 1,000.
bool kept(int number) {
    return number == 0 || std::floor(8 * std::log(number)) < std::floor(8 * std::log(number + 1));
}

void write_curve(const fs::path& folder, std::uint64_t seed, double end) {
    std::string text = "step,seconds,progress,loss,tokens\n";
    for (int i = 1; i <= kSteps; ++i)
        text += fmt::format("{},{:.4f},{:.6f},{:.6f},{}\n", i, double(i), double(i) / kSteps,
                            4 + end - 2.0 * i / kSteps, 16384 * i);
    write_file(curve_file(folder, seed), text);
}

Experiment experiment(int number, const fs::path& folder) {
    Experiment result;
    result.number = number;
    result.started = "2026-01-31T22:10:05Z";
    result.ran_on = result.commit =
        hex(xxh64("commit", static_cast<std::uint64_t>(number))) + std::string(24, 'c');
    result.source_hash = normalized_source_hash(source(number));
    result.source_tokens = 4321;
    result.idea = fmt::format(
        "experiment {}: halve the batch: twice the steps, the loss is still falling steeply at the end",
        number);
    result.agent = {"claude", "opus", "0f7e6b9c-5d1a-4f3e-8a57-0123456789ab", 1, 81.5, 0.31, false,
                    152340,   {}};
    result.seconds = 412;
    result.build_seconds = 21;
    write_file(run_files::source(folder), source(number));
    for (const auto& log : {run_files::run_log(folder), run_files::build_log(folder),
                            run_files::events(folder), run_files::agent_log(folder)})
        write_file(log, std::string(6 << 10, 'l') + "\n");
    const double worse = kept(number) ? -0.001 : 0.02 * chance(number, "worse");
    for (std::uint64_t seed = 1; seed <= 2 + static_cast<std::uint64_t>(number % 2); ++seed) {
        Trial trial;
        trial.ending = Ending::ok;
        trial.seed = seed;
        trial.val_bpb = 1.5 + worse + 0.002 * chance(number, seed == 1 ? "1" : seed == 2 ? "2" : "3");
        trial.training_seconds = 300.1;
        trial.total_seconds = trial.wall_seconds = 341.234567;
        trial.cpu_seconds = 298.7654321;
        trial.peak_memory_mb = 11234.5;
        trial.num_steps = kSteps;
        trial.tokens_m = 4.9152;
        trial.num_params_m = 11.534336;
        trial.depth = 4;
        trial.mfu_percent = 39.123456;
        trial.conditions.wait_seconds = 0.123456;
        result.trials.push_back(trial);
        write_curve(folder, seed, trial.val_bpb);
    }
    result.verdict = {kept(number) ? Decision::keep : Decision::discard, Ending::ok, "", {}};
    Evidence& evidence = result.verdict.evidence;
    evidence.ground = number == 0 ? Ground::baseline : Ground::measured;
    evidence.difference = worse;
    evidence.seeds = {{1, worse}, {2, worse}};
    evidence.noise = {0.00123456789, number};
    evidence.tail = 0.0123456789;
    evidence.equal_steps = {1.0123456, 0.00123456};
    return result;
}

int make(const fs::path& run, int count) {
    const std::string patch(1500, '+');
    SummaryWriter summary(run, run_summary_rules());
    FileLedger ledger(
        run, [&](const Experiment&) { return patch; }, [&](const auto& all) { summary.renew(all); });
    for (int number = 0; number < count; ++number)
        ledger.append(experiment(number, ledger.directory(number)));
    return 0;
}

/// Ends the run at the first trial, and says when that came.
struct FirstTrial : fakes::FakeRunner {
    explicit FirstTrial(fakes::FakeStop& stop) {
        answer = [&](const TrialRequest&) {
            at = seconds();
            stop.at_once = true;
            Trial trial;
            trial.ending = Ending::interrupted;
            return trial;
        };
    }
    double at = 0;
};

struct AnyRepo : fakes::FakeRepo {
    std::string source(const std::string&) override { return ::source(-1); }
};

/// What is in a folder, on the disk.
std::uintmax_t bytes_under(const fs::path& folder) {
    std::uintmax_t sum = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file()) sum += entry.file_size();
    return sum;
}

/// Seconds that an agent which does nothing takes at its desk; `disk` gets what the desk holds.
double proposal(AgentProposer& proposer, const FileLedger& ledger, const Judge& judge, const fs::path& desks,
                int number, std::uintmax_t& disk) {
    const double begin = seconds();
    const std::string text = source(-1);
    proposer.propose({number, *incumbent_of(ledger.experiments()), text, ledger.experiments(),
                      desks / "answer", judge.noise(ledger.experiments())});
    const double taken = seconds() - begin;
    disk = bytes_under(desks);
    return taken;
}

int measure(const fs::path& run, const fs::path& desks, int count) {
    const double begin = seconds();
    SummaryWriter summary(run, run_summary_rules());
    FileLedger ledger(run, {}, [&](const auto& all) { summary.renew(all); });
    const double read = seconds();
    fakes::FakeStop stop;
    FirstTrial runner(stop);
    fakes::FakeProposer edits;
    SourceGuard guard;
    fakes::FakeBuilder builder;
    const PairedJudge judge(Settings{});
    const auto folder = [&](int number) { return run_files::experiment_directory(run, number); };
    TrialCurves curves(folder, true, run_files::lessons(run));
    AnyRepo repo;
    fakes::FakeReporter reporter;
    const fakes::FakeClock clock;
    edits.answer = [](const ProposalRequest& request) {
        Proposal edit = fakes::FakeProposer::edit(request);
        edit.source = source(-2);
        return Answer{edit, {}};
    };
    ExperimentLoop({edits, guard, builder, runner, judge, &curves}, {ledger, repo, reporter, stop, clock}, {})
        .run();
    fs::remove_all(run_files::experiment_directory(run, count));

    AgentProposerOptions options;
    options.desk = {desks, "program.md", ".", run_files::experiments(run)};
    options.agent = find_agent({}, "true");
    const fakes::FakeStop never;
    AgentProposer proposer(options, never);
    std::uintmax_t disk = 0;
    const double first = proposal(proposer, ledger, judge, desks, count, disk);
    double next = 1e9;
    for (int i = 1; i <= 5; ++i)
        next = std::min(next, proposal(proposer, ledger, judge, desks, count + i, disk));
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    std::printf(
        "{\"read\": %.1f, \"resume\": %.1f, \"first\": %.1f, \"next\": %.1f, \"disk_mb\": %.1f, "
        "\"memory_mb\": %.0f}\n",
        1e3 * (read - begin), 1e3 * (runner.at - begin), 1e3 * first, 1e3 * next, double(disk) / 1e6,
        double(usage.ru_maxrss) / 1024);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const fs::path run = run_files::run_directory(argv[2], kTag);
    const int count = std::atoi(argv[3]);
    return std::strcmp(argv[1], "make") == 0 ? make(run, count)
                                             : measure(run, fs::path(argv[2]).parent_path() / "desks", count);
}
