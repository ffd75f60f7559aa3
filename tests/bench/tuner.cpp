// bench_tuner: for scripts/bench tuner. Plays nights of the built-in tuner, and of a random search, with the
// real judge on real trials. Each pair of source and seed is trained once and kept in a file, so that nights
// share their trials, and an interrupted benchmark goes on.
#include "tuner/tuner.h"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>

#include "contract/experiment_json.h"
#include "contract/run_files.h"
#include "fakes/fakes.h"
#include "guard/source_guard.h"
#include "judge/paired_judge.h"
#include "loop/experiment_loop.h"
#include "plan/workspace.h"
#include "proc/platform.h"
#include "proc/signals.h"
#include "proc/system_clock.h"
#include "record/file_ledger.h"
#include "trial/trainer_builder.h"
#include "trial/trial_runner.h"
#include "util/atomic_file.h"
#include "util/text.h"

using namespace autoresearch;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

/// The trials that were trained on this processor, with this fixed half and data: one JSON line each.
class KeptTrials {
  public:
    KeptTrials(fs::path file, const TrialSpec& common) : file_(std::move(file)) {
        std::ifstream lines(file_);
        for (std::string line; std::getline(lines, line);) {
            const json kept = json::parse(line, nullptr, false);  // a torn last line is trained again
            if (kept.is_object() && kept.at("place") == place(common)) trials_[key(kept)] = kept.at("trial");
        }
    }
    const json* find(const TrialSpec& spec) const {
        const auto found = trials_.find(fmt::format("{} {}", spec.source_hash, spec.seed));
        return found == trials_.end() ? nullptr : &found->second;
    }
    void add(const TrialSpec& spec, const Trial& trial) {
        const json kept = {{"processor", platform::cpu_model()},
                           {"place", place(spec)},
                           {"source_hash", spec.source_hash},
                           {"seed", spec.seed},
                           {"trial", to_json(trial)}};
        std::ofstream(file_, std::ios::app) << dump_line(kept) << "\n" << std::flush;
        trials_[key(kept)] = kept.at("trial");
    }
    std::size_t size() const { return trials_.size(); }

  private:
    static json place(const TrialSpec& spec) {
        return {platform::cpu_model(), spec.kit,     spec.torch,  spec.data,
                spec.budget,           spec.threads, spec.device, to_string(spec.clock)};
    }
    static std::string key(const json& kept) {
        return fmt::format("{} {}", kept.at("source_hash").get<std::string>(),
                           kept.at("seed").get<std::uint64_t>());
    }
    fs::path file_;
    std::map<std::string, json> trials_;
};

/// Leaves the build to the runner, which needs none for a trial that is kept.
class LaterBuilder : public Builder {
  public:
    Result<fs::path> build(const std::string& source, const fs::path& directory) override {
        fs::create_directories(directory);
        write_file(run_files::source(directory), source);
        return directory / "train";
    }
};

class KeepingRunner : public Runner {
  public:
    KeepingRunner(Builder& builder, Runner& runner, KeptTrials& kept, fs::path programs)
        : builder_(builder), runner_(runner), kept_(kept), programs_(std::move(programs)) {}
    Trial run(const TrialRequest& request) override {
        if (const json* trial = kept_.find(request.spec)) return trial_from_json(*trial);
        const fs::path directory = programs_ / request.spec.source_hash;
        if (built_.first != directory) {
            fs::create_directories(directory);
            built_ = {directory, builder_.build(request.spec.source, directory)};
        }
        TrialRequest now = request;
        if (built_.second.ok()) now.program = built_.second.value();
        const Trial trial = built_.second.ok() ? runner_.run(now) : failed_trial(built_.second.failure());
        if (!request.first_step_only && trial.ending != Ending::interrupted) kept_.add(request.spec, trial);
        return trial;
    }

  private:
    Builder& builder_;
    Runner& runner_;
    KeptTrials& kept_;
    fs::path programs_;
    std::pair<fs::path, Result<fs::path>> built_ = {{}, fs::path()};  // the last one
};

/// The tuner in its desk.
class TunerProposer : public Proposer {
  public:
    TunerProposer(fs::path desk, std::uint64_t seed) : desk_(std::move(desk)), seed_(seed) {}
    Answer propose(const ProposalRequest& request) override {
        fs::create_directories(desk_ / "train");
        write_file(desk_ / "train/train.cpp", request.source);
        std::cout.setstate(std::ios::failbit);
        const int code = run_tuner(desk_, "cpu", seed_);
        std::cout.clear();
        Answer answer;
        if (code != 0) answer.status = Failure{Ending::no_proposal, "the tuner has nothing left to try"};
        answer.proposal.source = read_file(desk_ / "train/train.cpp");
        answer.proposal.idea = try_read_file(desk_ / "idea.txt").value_or("");
        answer.proposal.parent = request.incumbent.commit;
        return answer;
    }

  private:
    fs::path desk_;
    std::uint64_t seed_;
};

/// From the incumbent, one constant drawn evenly, up or down by one or two usual steps: the same constants
/// and steps as the tuner's, in no order.
class RandomProposer : public Proposer {
  public:
    explicit RandomProposer(std::uint64_t seed) : random_(seed) {}
    Answer propose(const ProposalRequest& request) override {
        const auto parameters = find_hyperparameters(request.source, "cpu");
        const auto draw = [&](std::size_t n) {
            return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
        };
        while (true) {
            const Hyperparameter& parameter = parameters[draw(parameters.size())];
            const bool up = draw(2) == 1;
            const auto to = stepped(parameter, up, static_cast<double>(1 + draw(2)));
            if (!can_move(parameter) || !to || *to == parameter.value) continue;
            Step step{{{parameter, *to}}, "drawn"};
            couple(step, parameters);
            Answer answer;
            answer.proposal.source = with_moves(request.source, step.moves);
            answer.proposal.idea = describe(step);
            answer.proposal.parent = request.incumbent.commit;
            if (seen_.insert(answer.proposal.source).second) return answer;
        }
    }

  private:
    std::mt19937_64 random_;
    std::set<std::string> seen_;
};

/// The judge's decisions, one letter each.
class OneLine : public fakes::FakeReporter {
  public:
    explicit OneLine(const KeptTrials& kept) : kept_(kept) {}
    void finished(const Experiment& experiment) override {
        std::fprintf(stderr, "  %2d %-8s %.4f  %s  (%zu trials kept)\n", experiment.number,
                     std::string(to_string(experiment.verdict.decision)).c_str(), experiment.val_bpb(),
                     experiment.idea.c_str(), kept_.size());
    }
    void note(const std::string& line) override { std::fprintf(stderr, "  %s\n", line.c_str()); }

  private:
    const KeptTrials& kept_;
};

struct Bench {
    TrialPlace place;
    std::string source;
    int experiments = 20;
    fs::path folder;  // of the nights' records
    KeptTrials& kept;
    const SignalStop& stop;

    /// Its trials have the seeds from `seed` on: a night shares some with the one before. False when it was
    /// stopped.
    bool night(const std::string& name, std::uint64_t seed, Proposer& proposer,
               const fs::path& directory) const {
        std::fprintf(stderr, "%s\n", name.c_str());
        Settings config = place.config;
        config.experiments = experiments;
        config.seed = seed;
        OneLine reporter(kept);
        const Walls& walls = place.walls;
        TrainerBuilder real_builder(place.kit.directory, config.build_limit, config.memory_limit, stop,
                                    walls);
        TrialRunner real_runner(place.data, reporter, stop, walls);
        LaterBuilder builder;
        KeepingRunner runner(real_builder, real_runner, kept, folder / "programs");
        FileLedger ledger(directory);
        fakes::FakeRepo repo;
        SourceGuard guard;
        const PairedJudge judge(config);
        ExperimentLoop loop({proposer, guard, builder, runner, judge},
                            {ledger, repo, reporter, stop, system_clock()},
                            {"start", source, config, spec_for(place), 0});
        if (loop.run() == LoopEnd::stopped) return false;
        print(name, ledger.experiments());
        return true;
    }

    static void print(const std::string& name, const std::vector<Experiment>& all) {
        const Experiment& best = *incumbent_of(all);
        std::size_t keeps = 0, trials = 0, first = 0, by_five = 0;
        for (const Experiment& each : all) {
            trials += each.trials.size() + each.reference_trials.size();
            if (each.number == 0 || each.verdict.decision != Decision::keep) continue;
            ++keeps;
            if (first == 0) first = static_cast<std::size_t>(each.number);
            by_five += each.number <= 5;
        }
        const double baseline = all[0].trials[0].val_bpb, reached = best.trials[0].val_bpb;  // with one seed
        std::printf("%-10s %9.3f %7.3f %7.3f %6zu %11zu %13zu %7zu\n", name.c_str(), baseline, reached,
                    baseline - reached, keeps, first, by_five, trials);
        std::fflush(stdout);
    }
};

}  // namespace

int main(int argc, char** argv) {
    const auto number = [&](int at, int otherwise) { return argc > at ? std::atoi(argv[at]) : otherwise; };
    const Kit kit = open_kit();
    const ResolvedSettings config =
        load_settings({{"preset", "quickstart"}, {"device", "cpu"}}, ".", kit.directory);
    const TrialPlace place = place_by_hand(config, kit);
    KeptTrials kept("build/tuner-trials.jsonl", spec_for(place));
    SignalStop stop("finishing the trial; start again to go on");
    std::string name = (fs::temp_directory_path() / "autoresearch-tuner-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return 1;
    const fs::path folder = name;
    const Bench bench{place, read_file("train/train.cpp"), number(2, 20), folder, kept, stop};
    std::printf("%s, %d threads, %g s a trial by the %s clock, %d experiments a night\n",
                platform::cpu_model().c_str(), place.config.threads, place.config.budget,
                std::string(to_string(place.config.clock)).c_str(), bench.experiments);
    std::puts("night       baseline    best    gain  keeps  first keep  in first five  trials");
    const auto nights = static_cast<std::uint64_t>(number(1, 5)),
               random_nights = static_cast<std::uint64_t>(number(3, 2));
    bool going = true;
    for (std::uint64_t seed = 1; going && seed <= nights; ++seed) {
        const fs::path desk = folder / fmt::format("tuner{}", seed);
        TunerProposer proposer(desk, seed);
        going = bench.night(fmt::format("tuner {}", seed), seed, proposer, desk);
    }
    for (std::uint64_t seed = 1; going && seed <= random_nights; ++seed) {
        RandomProposer proposer(seed);
        going = bench.night(fmt::format("random {}", seed), seed, proposer,
                            folder / fmt::format("random{}", seed));
    }
    fs::remove_all(folder);
    return going ? 0 : 1;
}
