#include "cli/run_plan.h"

#include <spdlog/fmt/chrono.h>

#include "autoresearch/error.h"
#include "record/run_files.h"
#include "util/atomic_file.h"
#include "util/text.h"
#include "util/time.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr double kSameNight = 12 * 3600;
constexpr const char* kChosen = "chosen";  // origin of a tag that the user did not name

/// The tag when the user named none: the run of this night that was begun without a name too, else the day,
/// with a number where that name is taken.
std::string choose_tag(const GitRepo& git, bool resume) {
    const auto last = last_run(git.workdir());
    if (last && resume) return last->tag;
    if (resume) throw UserError("--resume: there is no run to go on with", "start one: autoresearch run");
    if (last && last->seconds_ago < kSameNight) {
        const auto run = load_run(git.workdir(), last->tag);
        if (run && run->config.origins.at("tag") == kChosen) return last->tag;
    }
    const std::tm day = fmt::localtime(std::time(nullptr));
    std::string today = fmt::format("{:%b}{}", day, day.tm_mday);  // nov22
    today[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(today[0])));
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
        throw no_editable_file(git.workdir());
    }
    if (from_working_tree) return read_file(git.workdir() / kEditableFile);
    if (state != State::committed) {
        throw UserError(std::string(kEditableFile) + " has changes that are not committed",
                        "commit them, or start from them as they are with --from-working-tree");
    }
    return git.file(head);
}

void plan_new_run(const GitRepo& git, const Kit& kit, const RunOptions& options, RunPlan& plan) {
    RunInfo& run = plan.run;
    if (options.resume) require_run(git.workdir(), run.tag());
    if (git.branch_tip(run.tag())) {
        const std::string branch = run_branch(run.tag());
        throw UserError("branch " + branch + " exists already, but no run of that name does",
                        "choose another name with --tag, or delete it: git branch -D " + branch);
    }
    run.created = utc_now("%Y-%m-%dT%H:%M:%SZ");
    run.version = AUTORESEARCH_VERSION;
    run.start_commit = git.head().commit;
    run.from_working_tree = options.from_working_tree;
    plan.source = starting_source(git, run.start_commit, options.from_working_tree);
    run.data = plan.data.meta.fingerprint;
    run.kit = kit.hash;
    run.torch = kit.torch_version;
    run.device = resolve_device(run.config.values.device, kit);
}

void plan_old_run(const RunOptions& options, const RunPlan& plan) {
    const RunInfo& run = plan.run;
    if (options.from_working_tree && !run.from_working_tree) {
        throw UserError(
            "--from-working-tree: run \"" + run.tag() + "\" exists already, started from a commit",
            "start another one with --tag NAME");
    }
    if (run.data != plan.data.meta.fingerprint) {
        throw UserError("run \"" + run.tag() + "\" was started on data set " + run.data +
                            ", but prepared is " + plan.data.meta.fingerprint,
                        "start another run with --tag NAME");
    }
}

void choose_agent(const fs::path& root, const Kit& kit, RunPlan& plan) {
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

}  // namespace

RunPlan plan_run(const GitRepo& git, const Kit& kit, const FlagValues& flags, const RunOptions& options) {
    git.head();  // says so when there is no commit yet
    ResolvedConfig config = load_config(flags, git.workdir(), kit.directory);
    if (config.values.tag.empty()) {
        config.values.tag = choose_tag(git, options.resume);
        config.origins["tag"] = kChosen;
    }
    if (config.values.confirm_seeds == 1)
        throw UserError("confirm_seeds is 1, but an interval needs two trials",
                        "--confirm-seeds 2 or more, or 0 for no final number");
    const std::string tag = config.values.tag;
    git.check_tag(tag);
    if (git.branch_checked_out(tag)) {
        throw UserError("branch " + run_branch(tag) + " is checked out, and a run moves it",
                        "git switch to another branch first, or start another run with --tag NAME");
    }
    RunPlan plan;
    const auto earlier = load_run(git.workdir(), tag);
    plan.goes_on = earlier.has_value();
    if (earlier) plan.run = *earlier;
    plan.run.directory = run_files::run_directory(git.workdir(), tag);
    plan.run.config = earlier ? continue_config(earlier->config, config, earlier->device) : config;
    plan.data = require_data(plan.run.config);
    if (earlier) {
        plan_old_run(options, plan);
    } else {
        plan_new_run(git, kit, options, plan);
    }
    choose_agent(git.workdir(), kit, plan);
    return plan;
}

void write_plan(const RunPlan& plan, const GitRepo& git) {
    const bool exists = load_run(git.workdir(), plan.run.tag()).has_value();
    if (exists != plan.goes_on) {
        throw UserError("run \"" + plan.run.tag() + "\" was started by another command a moment ago",
                        "the same command again goes on with it");
    }
    if (!exists) write_file_atomically(plan.run.directory / kStartSource, plan.source);
    save_run(plan.run);
}

}  // namespace autoresearch
