#include "plan/plan_run.h"

#include <spdlog/fmt/chrono.h>

#include <cstdlib>
#include <ctime>

#include "autoresearch/error.h"
#include "contract/run_files.h"
#include "plan/workspace.h"
#include "record/file_ledger.h"
#include "record/summary.h"
#include "util/secrets.h"
#include "util/time.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr double kSameNight = 12 * 3600;
constexpr const char* kChosen = "chosen";  // origin of a tag that the user did not name

/// The tag when the user named none: tonight's run, if that was started without a name too, else the day,
/// with a number if that name is taken.
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
    for (int n = 2; !git.taken_by(tag).empty() || fs::exists(run_files::run_directory(git.workdir(), tag));
         ++n)
        tag = today + "-" + std::to_string(n);
    return tag;
}

/// The baseline's source: HEAD's, or the working tree's if requested.
std::string starting_source(const GitRepo& git, bool from_working_tree) {
    if (from_working_tree) return working_source(git.workdir());
    if (!git.is_committed()) {
        throw UserError(std::string(kEditableFile) + " has uncommitted changes",
                        "commit them, or use --from-working-tree to start from them as they are");
    }
    return git.source(git.head());
}

void plan_new_run(const GitRepo& git, const Kit& kit, bool from_working_tree, Plan& plan) {
    RunInfo& run = plan.run;
    plan.is_new = !fs::exists(run_files::run(run.directory));
    if (const std::string taken = git.taken_by(run.tag()); plan.is_new && !taken.empty())
        throw UserError(
            taken + " already exists, but there is no run of that name here",
            "choose another name with --tag" +
                (taken.starts_with("branch ") ? ", or delete it: git branch -D " + taken.substr(7) : ""));
    run.created = utc_now("%Y-%m-%dT%H:%M:%SZ");
    run.version = AUTORESEARCH_VERSION;
    run.start_commit = git.head();
    run.from_working_tree = from_working_tree;
    plan.source = starting_source(git, from_working_tree);
    run.data = require_data(run.config).meta.fingerprint;
    run.kit = kit.hash;
    run.torch = kit.torch_version;
    plan.place = place_of(run, kit);
    run.config.values.clock = plan.place.config.clock;
    run.machine = this_machine(kit);
}

void plan_old_run(const RunInfo& earlier, const Kit& kit, bool from_working_tree, Plan& plan) {
    if (from_working_tree && !earlier.from_working_tree) {
        throw UserError(
            "--from-working-tree: run \"" + earlier.tag() + "\" already exists and started from a commit",
            "start another one with --tag NAME");
    }
    print_notes(earlier.config);
    const ResolvedSettings now = plan.run.config;
    plan.run = earlier;
    plan.run.config = continue_settings(earlier.config, now, earlier.device);
    plan.place = place_of(plan.run, kit);
}

/// A bound that nothing the agent reports can reach would let a night cost anything.
void check_bounds(const Settings& config, const AgentAdapter& agent) {
    if (agent.name == "tuner") return;  // free
    const OutputRules& reports = agent.output;
    const bool tokens = !reports.tokens.empty(),
               usd = !reports.usd.empty() || (tokens && config.token_price > 0);
    const auto refuse = [&](const char* flag, const char* what, const std::string& hint) {
        throw UserError(fmt::format("{} cannot act: agent {} reports no {}", flag, agent.name, what), hint);
    };
    if (config.max_cost > 0 && !usd)
        refuse("--max-cost", "cost",
               tokens ? "add --token-price, dollars per million tokens"
                      : "leave it out, and bound the run by --experiments or --hours");
    if (config.max_tokens > 0 && !tokens)
        refuse("--max-tokens", "tokens", "leave it out, and bound the run by --experiments or --hours");
}

/// run.json keeps every setting.
void refuse_keys(const Settings& config) {
    const Secrets secrets = Secrets::here();
    for (const auto& [flag, text] :
         {std::pair{"--agent", config.agent}, {"--agent-args", config.agent_args}}) {
        Secrets::Names found;
        secrets.clean(text, found);
        if (!found.empty())
            throw UserError(
                fmt::format("{} has the value of {}, which must not get into run.json", flag, *found.begin()),
                fmt::format("write '${}' in single quotes: the agent's shell fills it in", *found.begin()));
    }
}

void choose_agent(const fs::path& root, const Kit& kit, Plan& plan) {
    Settings& config = plan.run.config.values;
    std::string& origin = plan.run.config.origins["agent"];
    const auto agents = read_agents(shipped_file(root, kit, "configs/agents.json"));
    if (config.agent.empty()) {  // the run keeps it
        config.agent = default_agent(agents, config.model);
        origin = kChosen;
    }
    refuse_keys(config);
    plan.agent = find_agent(agents, config.agent);
    plan.agent_origin = origin != kChosen            ? origin
                        : plan.goes_on               ? "as the run began"
                        : plan.agent.program.empty() ? "no coding agent is installed"
                                                     : "the first one installed";
    check_bounds(config, plan.agent);
    if (is_installed(plan.agent)) return;
    const char* path = std::getenv("PATH");
    throw UserError(fmt::format("agent {} is not installed: there is no program \"{}\" on PATH, which is {}",
                                plan.agent.name, plan.agent.program, path == nullptr ? "empty" : path),
                    "install it, set PATH, or name another agent: --agent tuner is built in");
}

}  // namespace

Plan plan_run(const GitRepo& git, const Kit& kit, const FlagValues& flags, const Beginning& beginning) {
    Plan plan;
    plan.run.config = load_settings(flags, git.workdir(), kit.directory);
    const ResolvedSettings asked = plan.run.config;
    if (plan.run.config.values.confirm_seeds == 1)
        throw UserError("confirm_seeds is 1, but an interval needs two trials",
                        "use --confirm-seeds 2 or more, or 0 for no final number");
    std::string tag = plan.run.tag();
    if (tag.empty()) {
        tag = plan.run.config.values.tag = choose_tag(git, beginning.resume);
        plan.run.config.origins["tag"] = kChosen;
    }
    git.check_tag(tag);
    if (git.branch_checked_out(tag)) {
        throw UserError("branch " + run_branch(tag) + " is checked out, and a run would move it",
                        "git switch to another branch first, or start another run with --tag NAME");
    }
    plan.run.directory = run_files::run_directory(git.workdir(), tag);
    // A run without a baseline has nothing to keep: it starts over.
    const auto summary = read_summary(plan.run.directory);
    plan.goes_on = summary ? !summary->rows.empty() : !read_ledger(plan.run.directory).empty();
    if (plan.goes_on || beginning.resume) {
        const RunInfo earlier = require_run(git.workdir(), tag);
        if (plan.goes_on) plan_old_run(earlier, kit, beginning.from_working_tree, plan);
    }
    if (!plan.goes_on) plan_new_run(git, kit, beginning.from_working_tree, plan);
    plan.programs = named_programs(plan.run.config, asked, git.workdir(), kit);
    if (!beginning.trust) require_trust(plan.programs);
    choose_agent(git.workdir(), kit, plan);
    plan.programs = named_programs(plan.run.config, asked, git.workdir(), kit);  // with a chosen agent
    return plan;
}

}  // namespace autoresearch
