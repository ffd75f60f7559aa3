#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <regex>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "cli/final_number.h"
#include "cli/run_plan.h"
#include "cli/trial_parts.h"
#include "cli/workspace.h"
#include "guard/source_guard.h"
#include "judge/paired_judge.h"
#include "judge/trial_curves.h"
#include "loop/experiment_loop.h"
#include "proc/platform.h"
#include "proc/process_tree.h"
#include "proc/signals.h"
#include "propose/agent_proposer.h"
#include "record/experiment_json.h"
#include "record/file_ledger.h"
#include "record/run_files.h"
#include "record/run_lock.h"
#include "record/table.h"
#include "record/terminal_reporter.h"
#include "util/atomic_file.h"
#include "util/text.h"
#include "vcs/git_repo.h"
#include "vcs/run_repo.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

std::string opening_line(const RunInfo& run, bool goes_on) {
    const Config& config = run.config.values;
    std::string bound;
    if (config.experiments > 0) bound += fmt::format(", {} experiments", config.experiments);
    if (config.hours > 0) bound += fmt::format(", {} hours", config.hours);
    if (!config.until.empty()) bound += ", until " + config.until;
    if (config.max_cost > 0) bound += fmt::format(", ${}", config.max_cost);
    if (config.max_tokens > 0) bound += fmt::format(", {} tokens", config.max_tokens);
    if (bound.empty()) bound = ", until stopped";
    return fmt::format(
        "run {}{}: {} s a trial on {}, corpus {}{}; Ctrl-C once: after the current experiment, twice: now",
        run.tag(), goes_on ? " goes on" : "", config.budget, run.device, config.corpus, bound);
}

/// A rebuilt fixed half is not an error, but a person must know.
void note_rebuilt_kit(const RunInfo& run, const Kit& kit, Reporter& reporter) {
    if (run.kit == kit.hash && run.torch == kit.torch_version) return;
    reporter.note("the fixed half was rebuilt since run \"" + run.tag() + "\" began (" + run.kit + " -> " +
                  kit.hash + "): results from here on may not compare with the earlier ones");
}

AgentProposerOptions proposer_options(const Kit& kit, const fs::path& root, const RunPlan& plan) {
    const Config& config = plan.run.config.values;
    AgentProposerOptions options;
    options.agent = plan.agent;
    options.desk.parent = cache_root() / "desks";
    options.desk.program = shipped_file(root, kit, "program.md");
    options.desk.kit = kit.directory;
    options.desk.experiments = plan.run.directory / run_files::kExperiments;
    options.model = config.model;
    options.device = plan.run.device;
    options.budget = config.budget;
    options.memory_gb = static_cast<double>(platform::memory_bytes() >> 20) / 1024;
    options.self = platform::self();
    options.limit = config.agent_limit;
    options.memory_limit = memory_limit(config);
    options.more_arguments = config.agent_args;
    options.token_price = config.token_price;
    return options;
}

/// The next moment at which the clock on the wall shows this, in seconds since 1970.
double next_time_of_day(const std::string& text) {
    static const std::regex shape("([01]?[0-9]|2[0-3]):([0-5][0-9])");
    std::smatch found;
    if (!std::regex_match(text, found, shape))
        throw UserError("until is \"" + text + "\", which is no time of day", "such as: --until 07:30");
    const int hour = std::stoi(found[1]), minute = std::stoi(found[2]);
    const std::time_t now = std::time(nullptr);
    std::tm time{};
    localtime_r(&now, &time);
    for (int day = time.tm_mday;; ++day) {
        std::tm then = time;
        then.tm_mday = day;
        then.tm_hour = hour;
        then.tm_min = minute;
        then.tm_sec = 0;
        then.tm_isdst = -1;
        if (const std::time_t at = std::mktime(&then); at > now) return static_cast<double>(at);
    }
}

LoopSettings loop_settings(const RunInfo& run) {
    const Config& config = run.config.values;
    LoopSettings settings{run.start_commit, read_file(run.directory / kStartSource), config};
    settings.config.threads = trial_threads(config);
    settings.until = config.until.empty() ? 0 : next_time_of_day(config.until);
    return settings;
}

/// The final number of a run that reached its bound. What goes wrong here does not make the run fail.
void confirm_end(const RunInfo& run, const TrialPlace& place, const GitRepo& git,
                 const std::vector<Experiment>& experiments, Reporter& reporter, const StopRequest& stop) {
    const Experiment* best = incumbent_of(experiments);
    const int seeds = place.config.confirm_seeds;
    if (best == nullptr || best->number == 0 || seeds == 0) return;
    reporter.note(
        fmt::format("the final number: {} trials of baseline and best on the test split; without it: "
                    "--confirm-seeds 0",
                    2 * seeds));
    try {
        measure_final_number(run, place, git, experiments, seeds, reporter, stop);
    } catch (const std::runtime_error& error) {
        reporter.note(std::string("no final number: ") + error.what());
    }
}

void print_end(LoopEnd end, const RunInfo& run, const std::vector<Experiment>& experiments, bool json) {
    if (json) {
        auto all = nlohmann::ordered_json::array();
        for (const auto& experiment : experiments) all.push_back(to_json(experiment));
        const nlohmann::ordered_json result = {
            {"tag", run.tag()}, {"verdicts", summary_of_verdicts(run, experiments)}, {"experiments", all}};
        std::cout << result.dump(2) << "\n";
        return;
    }
    if (!experiments.empty())
        std::cout << "\n"
                  << result_table(experiments, output_style(STDOUT_FILENO).color)
                  << summary_text(summary_of_verdicts(run, experiments));
    if (end == LoopEnd::stopped) {
        std::cout << "stopped; go on with: autoresearch run --tag " << run.tag() << "\n";
    }
    if (!experiments.empty()) std::cout << "kept: git log " << run_branch(run.tag()) << "; everything: ";
    std::cout << run.directory.string() << "\n";
}

int run(const FlagValues& flags, const RunOptions& options, bool json) {
    GitRepo git = GitRepo::open(".");
    const Kit kit = open_kit();
    const RunPlan plan = plan_run(git, kit, flags, options);
    const RunInfo& info = plan.run;
    const Config& config = info.config.values;
    SignalStop stop("finishing the current experiment; Ctrl-C again stops now");
    AgentProposer proposer(proposer_options(kit, git.workdir(), plan), stop);

    git.ensure_ignored();
    const RunLock lock(info.directory);
    write_plan(plan, git);

    std::signal(SIGPIPE, SIG_IGN);  // a closed terminal must not end a night
    const int output = json ? STDERR_FILENO : STDOUT_FILENO;
    TerminalReporter reporter(output, output_style(output), info.directory / run_files::kLog);
    if (const int left = take_over_processes(info.directory); left > 0)
        reporter.note(fmt::format("ended {} processes that the last start of this run left behind", left));
    reporter.note(keep_awake());
    note_rebuilt_kit(info, kit, reporter);
    reporter.note(opening_line(info, plan.goes_on));
    reporter.note("agent " + plan.agent.name + " (" + plan.agent_origin + ")");
    if (config.max_cost > 0 && config.token_price <= 0 && plan.agent.output.usd.empty())
        reporter.note("agent " + plan.agent.name + " tells no cost: --max-cost needs --token-price with it");

    RunRepo repo(git, {info.tag(), config.budget, info.data, info.device});
    const auto patch_of = [&](const Experiment& e) {
        return unified_diff(git.try_file(e.parent).value_or(""), git.file(e.commit));
    };
    FileLedger ledger(info.directory, patch_of);
    const TrialPlace place{kit, config, info.device, plan.data.directory};
    TrialParts trial = make_trial_parts(place, reporter, stop);
    SourceGuard guard;
    const PairedJudge judge(config);
    const TrialCurves curves([&](int number) { return ledger.directory(number); }, config.early_end);
    ExperimentLoop loop({proposer, guard, trial.builder, trial.runner, judge, ledger, repo, reporter, stop,
                         system_clock(), &curves},
                        loop_settings(info));
    const LoopEnd end = loop.run();
    if (end == LoopEnd::done) confirm_end(info, place, git, ledger.experiments(), reporter, stop);
    print_end(end, info, ledger.experiments(), json);
    return end == LoopEnd::gave_up ? 1 : 0;
}

}  // namespace

void add_run_command(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("run", "the loop: propose, build, train, keep or drop, until stopped");
    const auto flags = add_setting_flags(*command);
    const auto options = std::make_shared<RunOptions>();
    command->add_flag("--from-working-tree", options->from_working_tree,
                      "start from train/train.cpp as it is, committed or not");
    command->add_flag("--resume", options->resume,
                      "go on with the last run, however old; an error when there is none");
    const auto json = add_json_flag(*command);
    command->callback([=, &exit_code] { exit_code = run(*flags, *options, *json); });
}

}  // namespace autoresearch
