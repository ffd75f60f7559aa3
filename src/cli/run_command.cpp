#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "autoresearch/error.h"
#include "cli/commands.h"
#include "cli/platform.h"
#include "cli/run_info.h"
#include "cli/trial_parts.h"
#include "cli/workspace.h"
#include "guard/source_guard.h"
#include "judge/plain_judge.h"
#include "loop/experiment_loop.h"
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
#include "util/time.h"
#include "vcs/git_repo.h"
#include "vcs/run_repo.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr double kSameNight = 12 * 3600;  // a run without a tag goes on with one that was active this lately
constexpr const char* kStartSource = "start.cpp";

struct RunOptions {
    bool from_working_tree = false;
    bool resume = false;
    bool json = false;
};

class SystemClock : public Clock {
  public:
    double seconds() const override {
        return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    }
    std::string utc() const override { return utc_now("%Y-%m-%dT%H:%M:%SZ"); }
};

/// The tag when the user named none: the run of this night, else the day, with a number when that name is
/// taken.
std::string choose_tag(const GitRepo& git, bool resume) {
    const auto last = last_run(git.workdir());
    if (last && (resume || last->seconds_ago < kSameNight)) return last->tag;
    if (resume) throw UserError("--resume: there is no run to go on with", "start one: autoresearch run");
    const std::string today = tag_of_today();
    std::string tag = today;
    for (int n = 2; git.branch_tip(tag) || fs::exists(run_files::run_directory(git.workdir(), tag)); ++n) {
        tag = today + "-" + std::to_string(n);
    }
    return tag;
}

/// The baseline's source: what HEAD has, or the working tree where that was asked for.
std::string starting_source(const GitRepo& git, const std::string& head, bool from_working_tree) {
    using State = GitRepo::FileState;
    const State state = git.file_state();
    if (state == State::missing) {
        throw UserError("there is no " + std::string(kEditableFile) + " in " + git.workdir().string(),
                        "run it in a clone of autoresearch");
    }
    if (from_working_tree) return read_file(git.workdir() / kEditableFile);
    if (state != State::committed) {
        throw UserError(std::string(kEditableFile) + " has changes that are not committed",
                        "commit them, or start from them as they are with --from-working-tree");
    }
    return git.file(head);
}

/// Checks that a new run can begin here and writes down what it begins with.
RunInfo start_run(const GitRepo& git, const ResolvedConfig& config, const Kit& kit, const PreparedData& data,
                  const std::string& source, bool from_working_tree) {
    RunInfo run;
    run.directory = run_files::run_directory(git.workdir(), config.values.tag);
    run.config = config;
    run.created = SystemClock().utc();
    run.version = AUTORESEARCH_VERSION;
    run.start_commit = git.head().commit;
    run.from_working_tree = from_working_tree;
    run.data = data.meta.fingerprint;
    run.kit = kit.hash;
    run.torch = kit.torch_version;
    run.device = resolve_device(config.values.device, kit);
    write_file_atomically(run.directory / kStartSource, source);
    save_run(run);
    return run;
}

/// Everything that can be wrong before anything is written. Returns the baseline's source for a new run.
std::string check_start(const GitRepo& git, const std::string& tag, bool exists, const RunOptions& options) {
    if (exists && options.from_working_tree) {
        throw UserError(
            "--from-working-tree: run \"" + tag + "\" exists already and keeps what it started from",
            "start another one with --tag NAME");
    }
    if (git.branch_checked_out(tag)) {
        throw UserError("branch " + run_branch(tag) + " is checked out, and a run moves it",
                        "git switch to another branch first, or start another run with --tag NAME");
    }
    if (exists) return "";
    if (options.resume) require_run(git.workdir(), tag);
    if (git.branch_tip(tag)) {
        throw UserError("branch " + run_branch(tag) + " exists already, but no run of that name does",
                        "choose another name with --tag, or delete it: git branch -D " + run_branch(tag));
    }
    return starting_source(git, git.head().commit, options.from_working_tree);
}

/// What the run was started with must still be there, or its results would not compare.
void check_same_ground(const RunInfo& run, const Kit& kit, const PreparedData& data, Reporter& reporter) {
    if (run.data != data.meta.fingerprint) {
        throw UserError("run \"" + run.tag() + "\" was started on data set " + run.data +
                            ", but prepared is " + data.meta.fingerprint,
                        "start another run with --tag NAME");
    }
    if (run.kit != kit.hash || run.torch != kit.torch_version) {
        reporter.note("the fixed half was rebuilt since run \"" + run.tag() + "\" began (" + run.kit +
                      " -> " + kit.hash + "): results from here on may not compare with the earlier ones");
    }
}

std::string opening_line(const RunInfo& run, bool goes_on) {
    const Config& config = run.config.values;
    const std::string bound = config.experiments > 0 ? std::to_string(config.experiments) + " experiments"
                              : config.hours > 0     ? number_text(config.hours) + " hours"
                                                     : std::string("until stopped");
    return "run " + run.tag() + (goes_on ? " goes on: " : ": ") + number_text(config.budget) +
           " s a trial on " + run.device + ", corpus " + config.corpus + ", " + bound +
           "; Ctrl-C once: after the current experiment, twice: now";
}

/// The agent of this run, chosen where none is named, and what it is told and given.
AgentProposerOptions proposer_options(const Kit& kit, const fs::path& root, const RunInfo& run,
                                      Reporter& reporter) {
    const Config& config = run.config.values;
    const auto agents = read_agents(shipped_file(root, kit, "configs/agents.json"));
    AgentProposerOptions options;
    options.agent = find_agent(agents, config.agent.empty() ? default_agent(agents) : config.agent);
    if (!is_installed(options.agent)) {
        throw UserError("agent " + options.agent.name + " is not installed: there is no program \"" +
                            options.agent.program + "\" on PATH",
                        "install it, or use the built-in one: --agent tuner");
    }
    reporter.note("agent " + options.agent.name + " (" +
                  (config.agent.empty() ? "the first installed" : run.config.origins.at("agent")) + ")");
    options.desk.parent = cache_root() / "desks";
    options.desk.program = shipped_file(root, kit, "program.md");
    options.desk.kit = kit.directory;
    options.desk.experiments = run.directory / run_files::kExperiments;
    options.model = config.model;
    options.device = run.device;
    options.budget = config.budget;
    options.memory_gb = static_cast<double>(platform::memory_bytes() >> 20) / 1024;
    options.self = platform::self();
    options.limit = config.agent_limit;
    return options;
}

void print_end(LoopEnd end, const RunInfo& run, const std::vector<Experiment>& experiments, bool json) {
    if (json) {
        auto all = nlohmann::ordered_json::array();
        for (const auto& experiment : experiments) all.push_back(to_json(experiment));
        std::cout << nlohmann::ordered_json{{"tag", run.tag()}, {"experiments", all}}.dump(2) << "\n";
        return;
    }
    std::cout << "\n" << result_table(experiments, output_style(STDOUT_FILENO).color);
    if (end == LoopEnd::stopped) {
        std::cout << "stopped; go on with: autoresearch run --tag " << run.tag() << "\n";
    }
    std::cout << "kept: git log " << run_branch(run.tag()) << "; everything: " << run.directory.string()
              << "\n";
}

int run(const FlagValues& flags, const RunOptions& options) {
    GitRepo git = GitRepo::open(".");
    git.head();  // says so when there is no commit yet
    const Kit kit = open_kit();
    ResolvedConfig config = load_config(flags, git.workdir(), kit.directory);
    if (config.values.tag.empty()) {
        config.values.tag = choose_tag(git, options.resume);
        config.origins["tag"] = "chosen";
    }
    git.check_tag(config.values.tag);

    const std::string& tag = config.values.tag;
    std::optional<RunInfo> earlier = load_run(git.workdir(), tag);
    if (earlier) config = continue_config(earlier->config, config);
    const PreparedData data = require_data(config);
    const std::string source = check_start(git, tag, earlier.has_value(), options);

    git.ensure_ignored();
    const fs::path directory = run_files::run_directory(git.workdir(), tag);
    const RunLock lock(directory);
    earlier = load_run(git.workdir(), tag);  // again: now nobody else can start it
    RunInfo info = earlier ? *earlier : start_run(git, config, kit, data, source, options.from_working_tree);
    info.config = config;

    std::signal(SIGPIPE, SIG_IGN);  // a closed terminal must not end a night
    SignalStop stop;
    const int output = options.json ? STDERR_FILENO : STDOUT_FILENO;
    TerminalReporter reporter(output, output_style(output), directory / run_files::kLog);
    check_same_ground(info, kit, data, reporter);
    reporter.note(opening_line(info, earlier.has_value()));

    RunRepo repo(git, {info.tag(), config.values.budget, info.data, info.device});
    const auto patch_of = [&](const Experiment& e) {
        return unified_diff(git.try_file(e.parent).value_or(""), git.file(e.commit));
    };
    FileLedger ledger(directory, patch_of);
    TrialParts trial = make_trial_parts(kit, config.values, info.device, data.directory, reporter, stop);
    AgentProposer proposer(proposer_options(kit, git.workdir(), info, reporter), stop);
    SourceGuard guard;
    const PlainJudge judge(config.values.seed);
    const SystemClock clock;

    LoopSettings settings;
    settings.start_commit = info.start_commit;
    settings.start_source = read_file(directory / kStartSource);
    settings.budget = config.values.budget;
    settings.experiments = config.values.experiments;
    settings.hours = config.values.hours;
    settings.max_failures = config.values.max_failures;
    ExperimentLoop loop(
        {proposer, guard, trial.builder, trial.runner, judge, ledger, repo, reporter, stop, clock}, settings);
    const LoopEnd end = loop.run();
    print_end(end, info, ledger.experiments(), options.json);
    return end == LoopEnd::gave_up ? 1 : 0;
}

}  // namespace

void add_run_command(CLI::App& app, Action& action) {
    CLI::App* command =
        app.add_subcommand("run", "the loop: propose, build, train, keep or drop, until stopped");
    const auto flags = std::make_shared<ConfigFlags>(*command);
    const auto options = std::make_shared<RunOptions>();
    command->add_flag("--from-working-tree", options->from_working_tree,
                      "start from train/train.cpp as it is, committed or not");
    command->add_flag("--resume", options->resume,
                      "go on with the last run, however old; an error when there is none");
    command->add_flag("--json", options->json, "print the results for programs");
    command->callback([=, &action] { action = [=] { return run(flags->values(), *options); }; });
}

}  // namespace autoresearch
