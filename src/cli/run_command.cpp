#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include "cli/commands.h"
#include "cli/final_number.h"
#include "cli/plan_run.h"
#include "cli/trial_parts.h"
#include "cli/workspace.h"
#include "contract/run_files.h"
#include "guard/source_guard.h"
#include "judge/paired_judge.h"
#include "judge/trial_curves.h"
#include "loop/experiment_loop.h"
#include "proc/platform.h"
#include "proc/process_tree.h"
#include "proc/signals.h"
#include "propose/agent_proposer.h"
#include "record/file_ledger.h"
#include "record/run_lock.h"
#include "settings/places.h"
#include "settings/settle.h"
#include "trial/fair_runner.h"
#include "vcs/git_repo.h"
#include "vcs/run_repo.h"
#include "view/run_view.h"
#include "view/terminal_reporter.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

AgentProposerOptions proposer_options(const Kit& kit, const fs::path& root, const Plan& plan) {
    const Settings& config = plan.settings;
    AgentProposerOptions options;
    options.agent = plan.agent;
    options.desk.parent = cache_root() / "desks";
    options.desk.program = shipped_file(root, kit, "program.md");
    options.desk.kit = kit.directory;
    options.desk.experiments = run_files::experiments(plan.run.directory);
    options.model = config.model;
    options.device = config.device;
    options.budget = budget_text(config);
    options.memory_gb = static_cast<double>(platform::memory_bytes() >> 20) / 1024;
    options.self = platform::self();
    options.limit = config.agent_limit;
    options.memory_limit = config.memory_limit;
    options.more_arguments = config.agent_args;
    options.token_price = config.token_price;
    return options;
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

int run(const RunArguments& arguments) {
    GitRepo git = GitRepo::open(".");
    const Kit kit = open_kit();
    const Plan plan = plan_run(git, kit, arguments);
    const RunInfo& info = plan.run;
    const Settings& config = plan.settings;
    const TrialPlace place{kit, config, require_same_data(info)};
    const LoopSettings settings{info.start_commit, plan.source, config, spec_for(place),
                                next_time_of_day(config.until)};
    SignalStop stop("finishing the current experiment; Ctrl-C again stops now");
    AgentProposer proposer(proposer_options(kit, git.workdir(), plan), stop);

    git.ensure_ignored();
    Fd lock = lock_run(info.directory);
    save_run(info);

    std::signal(SIGPIPE, SIG_IGN);  // a closed terminal must not end a night
    const int output = arguments.json ? STDERR_FILENO : STDOUT_FILENO;
    TerminalReporter reporter(output, output_style(output), run_files::log(info.directory));
    if (const int left = take_over_processes(info.directory); left > 0)
        reporter.note(fmt::format("ended {} processes that the last start of this run left behind", left));
    reporter.note(keep_awake());
    if (const auto note = rebuilt_note(info, kit); !note.empty()) reporter.note(note);
    reporter.note(opening_line(info, plan.goes_on));
    reporter.note("agent " + plan.agent.name + " (" + plan.agent_origin + ")");
    if (config.max_cost > 0 && config.token_price <= 0 && plan.agent.output.usd.empty())
        reporter.note("agent " + plan.agent.name +
                      " reports no cost: --max-cost needs --token-price with it");

    RunRepo repo(git, {info.tag(), budget_text(config), info.data, info.device});
    const auto patch_of = [&](const Experiment& experiment) {
        return unified_diff(git.source(experiment.parent), git.source(experiment.commit));
    };
    SummaryWriter summary(info.directory, run_summary_rules());
    FileLedger ledger(info.directory, patch_of, [&](const auto& all) { summary.renew(all); });
    TrialParts trial = make_trial_parts(place, reporter, stop);
    SourceGuard guard;
    const PairedJudge judge(config);
    const auto folder = [&](int number) { return run_files::experiment_directory(info.directory, number); };
    TrialCurves curves(folder, config.early_end, run_files::lessons(info.directory));
    FairRunner runner(trial.runner, reporter, stop, system_clock(), settings.config);
    ExperimentLoop loop({proposer, guard, trial.builder, runner, judge, &curves},
                        {ledger, repo, reporter, stop, system_clock()}, settings);
    const LoopEnd end = loop.run();
    if (end == LoopEnd::done) confirm_end(info, place, git, ledger.experiments(), reporter, stop);
    lock.reset();
    print_run(info, arguments.json);
    return end == LoopEnd::gave_up ? 1 : 0;
}

}  // namespace

void add_run(Commands& commands) {
    auto [flags, given] =
        commands.add("run", "the loop: propose, build, train, keep or drop, until stopped", run);
    flags.json(given.json);
    flags.all_settings(given.settings);
    flags.flag("--from-working-tree", given.from_working_tree,
               "start from train/train.cpp as it is, committed or not");
    flags.flag("--resume", given.resume, "go on with the last run, however old; an error when there is none");
}

}  // namespace autoresearch
