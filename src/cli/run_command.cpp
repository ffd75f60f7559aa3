#include <spdlog/fmt/chrono.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "cli/final_number.h"
#include "cli/trial_parts.h"
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
#include "settings/settle.h"
#include "vcs/git_repo.h"
#include "vcs/run_repo.h"
#include "view/run_view.h"
#include "view/terminal_reporter.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr double kSameNight = 12 * 3600;
constexpr const char* kChosen = "chosen";  // origin of a tag that the user did not name

/// What a call of `autoresearch run` is going to do.
struct Plan {
    RunInfo run;
    Settings settings;     // of the run, settled
    bool goes_on = false;  // experiments are recorded already
    std::string source;    // of the baseline, for a new run
    AgentAdapter agent;
    std::string agent_origin;  // where it was named, or that it was the first installed
};

/// The tag when the user named none: the run of this night that was begun without a name too, else the day,
/// with a number where that name is taken.
std::string choose_tag(const GitRepo& git, bool resume) {
    const auto last = last_run(git.workdir());
    if (resume) return require_run(git.workdir(), "").tag();
    if (last && last->seconds_ago < kSameNight &&
        require_run(git.workdir(), last->tag).config.origins.at("tag") == kChosen)
        return last->tag;
    const std::time_t now = std::time(nullptr);
    std::tm day{};
    ::localtime_r(&now, &day);
    std::string today = fmt::format("{:%b}{}", day, day.tm_mday);  // nov22
    today[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(today[0])));
    std::string tag = today;
    for (int n = 2; git.has_branch(tag) || fs::exists(run_files::run_directory(git.workdir(), tag)); ++n)
        tag = today + "-" + std::to_string(n);
    return tag;
}

/// The baseline's source: what HEAD has, or the working tree where that was asked for.
std::string starting_source(const GitRepo& git, bool from_working_tree) {
    if (from_working_tree) return working_source(git.workdir());
    if (!git.is_committed()) {
        throw UserError(std::string(kEditableFile) + " has changes that are not committed",
                        "commit them, or start from them as they are with --from-working-tree");
    }
    return git.source(git.head());
}

void plan_new_run(const GitRepo& git, const Kit& kit, bool from_working_tree, Plan& plan) {
    RunInfo& run = plan.run;
    if (git.has_branch(run.tag())) {
        const std::string branch = run_branch(run.tag());
        throw UserError("branch " + branch + " exists already, but no run of that name does",
                        "choose another name with --tag, or delete it: git branch -D " + branch);
    }
    run.created = system_clock().utc();
    run.version = AUTORESEARCH_VERSION;
    run.start_commit = git.head();
    run.from_working_tree = from_working_tree;
    plan.source = starting_source(git, from_working_tree);
    run.data = require_data(run.config).meta.fingerprint;
    run.kit = kit.hash;
    run.torch = kit.torch_version;
    plan.settings = settle_here(run.config.values, kit);
    run.device = plan.settings.device;
}

void plan_old_run(const RunInfo& earlier, bool from_working_tree, Plan& plan) {
    if (from_working_tree && !earlier.from_working_tree) {
        throw UserError(
            "--from-working-tree: run \"" + earlier.tag() + "\" exists already, started from a commit",
            "start another one with --tag NAME");
    }
    print_notes(earlier.config);
    const ResolvedSettings now = plan.run.config;
    plan.run = earlier;
    plan.run.config = continue_settings(earlier.config, now, earlier.device);
    plan.settings = settle_here(plan.run.config.values, earlier.device);
}

void choose_agent(const fs::path& root, const Kit& kit, Plan& plan) {
    const std::string& wanted = plan.run.config.values.agent;
    const auto agents = read_agents(shipped_file(root, kit, "configs/agents.json"));
    plan.agent =
        find_agent(agents, wanted.empty() ? default_agent(agents, plan.run.config.values.model) : wanted);
    plan.agent_origin = !wanted.empty()              ? plan.run.config.origins.at("agent")
                        : plan.agent.program.empty() ? "no coding agent is installed"
                                                     : "the first that is installed";
    if (is_installed(plan.agent)) return;
    throw UserError("agent " + plan.agent.name + " is not installed: there is no program \"" +
                        plan.agent.program + "\" on PATH",
                    "install it, or use the built-in one: --agent tuner");
}

/// Settles everything that can be wrong before anything is written; throws UserError with the mend.
Plan plan_run(const GitRepo& git, const Kit& kit, const Arguments& arguments) {
    Plan plan;
    plan.run.config = load_settings(arguments.settings, git.workdir(), kit.directory);
    if (plan.run.config.values.confirm_seeds == 1)
        throw UserError("confirm_seeds is 1, but an interval needs two trials",
                        "--confirm-seeds 2 or more, or 0 for no final number");
    std::string tag = plan.run.tag();
    if (tag.empty()) {
        tag = plan.run.config.values.tag = choose_tag(git, arguments.resume);
        plan.run.config.origins["tag"] = kChosen;
    }
    git.check_tag(tag);
    if (git.branch_checked_out(tag)) {
        throw UserError("branch " + run_branch(tag) + " is checked out, and a run moves it",
                        "git switch to another branch first, or start another run with --tag NAME");
    }
    plan.run.directory = run_files::run_directory(git.workdir(), tag);
    // A run without a baseline has nothing to keep: it starts anew.
    plan.goes_on = !read_ledger(plan.run.directory).empty();
    if (plan.goes_on || arguments.resume) {
        const RunInfo earlier = require_run(git.workdir(), tag);
        if (plan.goes_on) plan_old_run(earlier, arguments.from_working_tree, plan);
    }
    if (!plan.goes_on) plan_new_run(git, kit, arguments.from_working_tree, plan);
    choose_agent(git.workdir(), kit, plan);
    return plan;
}

AgentProposerOptions proposer_options(const Kit& kit, const fs::path& root, const Plan& plan) {
    const Settings& config = plan.settings;
    AgentProposerOptions options;
    options.agent = plan.agent;
    options.desk.parent = cache_root() / "desks";
    options.desk.program = shipped_file(root, kit, "program.md");
    options.desk.kit = kit.directory;
    options.desk.experiments = plan.run.directory / run_files::kExperiments;
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

}  // namespace

int run_command(const Arguments& arguments) {
    GitRepo git = GitRepo::open(".");
    const Kit kit = open_kit();
    const Plan plan = plan_run(git, kit, arguments);
    const RunInfo& info = plan.run;
    const Settings& config = plan.settings;
    const TrialPlace place{kit, config, require_same_data(info)};
    const LoopSettings settings{info.start_commit, plan.source, config, next_time_of_day(config.until)};
    SignalStop stop("finishing the current experiment; Ctrl-C again stops now");
    AgentProposer proposer(proposer_options(kit, git.workdir(), plan), stop);

    git.ensure_ignored();
    Fd lock = lock_run(info.directory);
    save_run(info);

    std::signal(SIGPIPE, SIG_IGN);  // a closed terminal must not end a night
    const int output = arguments.json ? STDERR_FILENO : STDOUT_FILENO;
    TerminalReporter reporter(output, output_style(output), info.directory / run_files::kLog);
    if (const int left = take_over_processes(info.directory); left > 0)
        reporter.note(fmt::format("ended {} processes that the last start of this run left behind", left));
    reporter.note(keep_awake());
    if (const auto note = rebuilt_note(info, kit); !note.empty()) reporter.note(note);
    reporter.note(opening_line(info, plan.goes_on));
    reporter.note("agent " + plan.agent.name + " (" + plan.agent_origin + ")");
    if (config.max_cost > 0 && config.token_price <= 0 && plan.agent.output.usd.empty())
        reporter.note("agent " + plan.agent.name + " tells no cost: --max-cost needs --token-price with it");

    RunRepo repo(git, {info.tag(), budget_text(config), info.data, info.device});
    const auto patch_of = [&](const Experiment& experiment) {
        return unified_diff(git.source(experiment.parent), git.source(experiment.commit));
    };
    FileLedger ledger(info.directory, patch_of);
    TrialParts trial = make_trial_parts(place, reporter, stop);
    SourceGuard guard;
    const PairedJudge judge(config);
    const TrialCurves curves([&](int number) { return ledger.directory(number); }, config.early_end);
    ExperimentLoop loop({proposer, guard, trial.builder, trial.runner, judge, ledger, repo, reporter, stop,
                         system_clock(), &curves},
                        settings);
    const LoopEnd end = loop.run();
    if (end == LoopEnd::done) confirm_end(info, place, git, ledger.experiments(), reporter, stop);
    lock.reset();
    print_run(info, arguments.json);
    return end == LoopEnd::gave_up ? 1 : 0;
}

}  // namespace autoresearch
