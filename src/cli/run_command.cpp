#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <stdexcept>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "cli/final_number.h"
#include "contract/run_files.h"
#include "guard/source_guard.h"
#include "judge/paired_judge.h"
#include "judge/trial_curves.h"
#include "loop/experiment_loop.h"
#include "plan/agent_reach.h"
#include "plan/disk.h"
#include "plan/plan_run.h"
#include "plan/workspace.h"
#include "proc/platform.h"
#include "proc/process_tree.h"
#include "proc/signals.h"
#include "proc/system_clock.h"
#include "propose/agent_proposer.h"
#include "record/file_ledger.h"
#include "record/run_lock.h"
#include "settings/places.h"
#include "settings/settle.h"
#include "trial/fair_runner.h"
#include "trial/trial_tools.h"
#include "util/atomic_file.h"
#include "util/text.h"
#include "vcs/git_repo.h"
#include "vcs/run_repo.h"
#include "view/run_view.h"
#include "view/terminal_reporter.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

AgentProposerOptions proposer_options(const Kit& kit, const GitRepo& git, const Plan& plan) {
    const fs::path root = git.workdir();
    return {.desk = {.parent = cache_root() / "desks",
                     .program = shipped_file(root, kit, "program.md"),
                     .kit = kit.directory,
                     .experiments = run_files::experiments(plan.run.directory)},
            .agent = plan.agent,
            .settings = plan.place.config,
            .budget = budget_text(plan.place.config),
            .memory_gb = static_cast<double>(platform::memory_bytes() >> 20) / 1024,
            .self = platform::self(),
            .walls = agent_walls(kit, git, plan.place.config, plan.agent)};
}

/// Locks the run; takes a new one's name, too. Nothing if another worktree of this clone just took it.
std::unique_ptr<RunLock> take_run(const GitRepo& git, const Plan& plan) {
    git.ensure_ignored();
    auto lock = std::make_unique<RunLock>(plan.run.directory);
    if (plan.goes_on || git.take(plan.run.tag())) return lock;
    if (!plan.is_new)
        throw UserError("another worktree of this clone has a run " + plan.run.tag(),
                        "choose another name with --tag");
    fs::remove_all(plan.run.directory);
    return nullptr;
}

/// Goes on as a process without a terminal. In the one that was started: returns its exit code.
std::optional<int> detach(const RunInfo& run) {
    const fs::path console = run_files::console(run.directory);
    fs::create_directories(run.directory);
    const auto before = file_length(console);  // an earlier start's screen says nothing of this one
    const Fd output = open_own_file(console, O_WRONLY | O_CREAT | O_APPEND);
    const pid_t child = ::fork();
    if (child < 0) throw_errno("cannot start a second process");
    if (child == 0) {
        ::setsid();
        const Fd nothing = open_file("/dev/null", O_RDONLY);
        ::dup2(nothing.get(), STDIN_FILENO);
        for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(output.get(), fd);
        return std::nullopt;
    }
    constexpr int kLooks = 20;  // 0.1 s each: whoever cannot start says so soon
    int status = 0;
    for (int i = 0; i < kLooks; ++i) {
        if (::waitpid(child, &status, WNOHANG) == child) {
            std::cerr << file_tail(console, 4096, before);
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        }
        system_clock().sleep(0.1);
    }
    std::cout << "run " << run.tag() << " goes on in the background (pid " << child << "), its screen in "
              << console.string()
              << "\n  watch it: autoresearch status --follow\n  end it: autoresearch stop\n";
    return 0;
}

/// Measures the final number of a run that reached its limit. Errors here do not fail the run.
void confirm_end(const RunInfo& run, const TrialPlace& place, const GitRepo& git,
                 const std::vector<Experiment>& experiments, Reporter& reporter, const StopRequest& stop) {
    const Experiment* best = incumbent_of(experiments);
    const int seeds = place.config.confirm_seeds;
    if (best == nullptr || best->number == 0 || seeds == 0) return;
    reporter.note(
        fmt::format("measuring the final number: {} trials of baseline and best on the test split; "
                    "--confirm-seeds 0 skips this",
                    2 * seeds));
    try {
        measure_final_number(run, place, git, experiments, seeds, reporter, stop);
    } catch (const std::runtime_error& error) {
        reporter.note(std::string("no final number: ") + error.what());
    }
}

/// What ends the program is seen here, while the ledger still knows which proposal was tried; what ends the
/// night is in its log, too.
LoopEnd run_loop(ExperimentLoop& loop, const FileLedger& ledger, Reporter& reporter) try {
    return loop.run();
} catch (const std::exception& error) {
    ledger.note_fault(error);
    reporter.note(std::string("the run ends: ") + error.what());
    throw;
}

/// The exit code; nothing if another worktree just took the run's name.
std::optional<int> run_planned(GitRepo& git, const Kit& kit, const Plan& plan, bool json) {
    const RunInfo& info = plan.run;
    const TrialPlace& place = plan.place;
    const Settings& config = place.config;
    const LoopSettings settings{info.start_commit, plan.source, config, spec_for(place),
                                next_time_of_day(config.until)};
    SignalStop stop("finishing the current experiment; Ctrl-C again stops now");
    AgentProposer proposer(proposer_options(kit, git, plan), stop);

    const std::string disk = disk_note(info.directory);
    auto lock = take_run(git, plan);
    if (!lock) return std::nullopt;
    save_run(info);
    trust(plan.programs);

    std::signal(SIGPIPE, SIG_IGN);  // a closed terminal must not end a night
    const int output = json ? STDERR_FILENO : STDOUT_FILENO;
    TerminalReporter reporter(output, output_style(output), run_files::log(info.directory),
                              run_files::now(info.directory));
    if (const int left = take_over_processes(info.directory); left > 0)
        reporter.note(fmt::format("ended {} processes that the last start of this run left behind", left));
    reporter.note(keep_awake());
    for (const auto& note : {rebuilt_note(info, kit), moved_note(info, kit), path_note(info)})
        if (!note.empty()) reporter.note(note);
    reporter.note(opening_line(info, plan.goes_on));
    reporter.note(walls_line(config.box));
    reporter.note("agent " + plan.agent.name + " (" + plan.agent_origin + ")");
    reporter.note(disk);

    RunRepo repo(git, {info.tag(), budget_text(config), info.data, info.device});
    const auto patch_of = [&](const Experiment& experiment) {
        return unified_diff(git.source(experiment.ran_on), git.source(experiment.commit));
    };
    SummaryWriter summary(info.directory, run_summary_rules());
    FileLedger ledger(info.directory, patch_of, [&](const auto& all) { summary.renew(all); });
    TrialTools tools(place, reporter, stop);
    SourceGuard guard;
    const PairedJudge judge(config);
    const auto folder = [&](int number) { return run_files::experiment_directory(info.directory, number); };
    TrialCurves curves(folder, config.early_end, run_files::lessons(info.directory));
    FairRunner runner(tools.runner, reporter, stop, system_clock(), settings.config);
    ExperimentLoop loop({proposer, guard, tools.builder, runner, judge, &curves},
                        {ledger, repo, reporter, stop, system_clock()}, settings);
    const LoopEnd end = run_loop(loop, ledger, reporter);
    if (end == LoopEnd::stopped) reporter.note("the run ends: " + SignalStop::cause());
    if (end == LoopEnd::done) confirm_end(info, place, git, ledger.experiments(), reporter, stop);
    reporter.clear();
    lock.reset();
    print_run(info, json);
    return end == LoopEnd::gave_up ? 1 : 0;
}

int run(const Arguments& arguments) {
    GitRepo git = GitRepo::open(".");
    const Kit kit = open_kit();
    const Beginning beginning{arguments.from_working_tree, arguments.resume, arguments.trust};
    for (bool to_detach = arguments.detach; true; to_detach = false) {
        const Plan plan = plan_run(git, kit, arguments.settings, beginning);
        if (to_detach)
            if (const auto code = detach(plan.run)) return *code;
        if (const auto code = run_planned(git, kit, plan, arguments.json)) return *code;
    }
}

}  // namespace

void add_run(Commands& commands) {
    auto flags = commands.add("run", "run the loop: propose, build, train, keep or drop, until stopped", run);
    flags.json();
    flags.verbose();
    flags.all_settings();
    flags.flag("--from-working-tree", flags.given.from_working_tree,
               "start from train/train.cpp as it is, committed or not");
    flags.flag("--detach", flags.given.detach,
               "go on without this terminal; status --follow, pause, resume and stop steer it");
    flags.flag("--trust", flags.given.trust,
               "run the programs that files of this repository name; needed once for each content");
    flags.flag("--resume", flags.given.resume,
               "continue the last run, however old; an error if there is none");
    flags.examples({"autoresearch run --budget 300",
                    "autoresearch run --agent claude --until 07:30 --max-cost 20",
                    "autoresearch run --detach --experiments 50",
                    "autoresearch run --agent 'my-agent < {prompt_file}'"});
}

}  // namespace autoresearch
