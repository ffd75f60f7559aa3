#include "propose/agent_proposer.h"

#include <spdlog/fmt/fmt.h>

#include "autoresearch/error.h"
#include "propose/prompt.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

constexpr std::size_t kTailForReasons = 8 << 10;

/// What of the surroundings would change an agent's behaviour, or its output.
Environment clean_environment(const AgentAdapter& agent) {
    Environment result = {{"TERM", "dumb"},
                          {"NO_COLOR", "1"},
                          {"COLUMNS", "4000"},
                          {"BROWSER", "true"},
                          {"CLAUDECODE", std::nullopt},
                          {"NODE_OPTIONS", std::nullopt},
                          {"GIT_DIR", std::nullopt},
                          {"GIT_WORK_TREE", std::nullopt},
                          {"GIT_INDEX_FILE", std::nullopt},
                          {"PWD", std::nullopt}};
    for (const auto& [name, value] : agent.environment) result[name] = value;
    return result;
}

/// Every field that a command may have. `turns` and `usd` have no source yet: their groups of arguments drop
/// out.
Fields known_fields() {
    return {{"prompt_file", ""}, {"prompt", ""}, {"desk", ""},  {"model", ""}, {"device", ""},
            {"experiment", ""},  {"self", ""},   {"turns", ""}, {"usd", ""}};
}

/// Why the agent's run gives no proposal, whatever it left at the desk; empty when the desk decides.
std::string process_failure(const ProcessResult& process, const AgentProposerOptions& options,
                            const std::string& log) {
    if (!process.start_error.empty()) return process.start_error;
    if (process.timed_out) return fmt::format("the agent took longer than {:g} s", options.limit);
    if (process.exit_code == 0) return {};
    if (std::string trouble = agent_trouble(log); !trouble.empty()) return trouble;
    const std::string how =
        process.signal != 0 ? signal_name(process.signal) : "exit code " + std::to_string(process.exit_code);
    const std::string last = clean_line(last_line(log), 200);
    return "the agent failed with " + how + (last.empty() ? "" : ": " + last);
}

}  // namespace

AgentProposer::AgentProposer(AgentProposerOptions options, const StopRequest& stop)
    : options_(std::move(options)), stop_(stop) {
    if (options_.agent.needs_model && options_.model.empty()) {
        throw UserError("agent " + options_.agent.name + " does not start without a model",
                        "name one with --model");
    }
    // A mistake in the command shall be told before the first experiment.
    agent_command(options_.agent, known_fields());
}

Result<Proposal> AgentProposer::propose(const ProposalRequest& request) {
    Desk desk(options_.desk);
    const std::string prompt = prompt_text(read_file(options_.desk.program), request,
                                           {options_.device, options_.budget, options_.memory_gb});
    desk.add("history.md", history_text(request.history));
    desk.add(".agent/prompt.md", prompt);
    for (const auto& [path, text] : options_.agent.files) desk.add(path, text);
    desk.seal(request.source);

    std::filesystem::create_directories(request.directory);
    write_file(request.directory / "prompt.md", prompt);
    const ProcessSpec spec = specification(request, desk, prompt);
    const auto log_start = file_length(spec.output);  // an earlier attempt may have written here
    const ProcessResult process = run_process(spec, stop_);
    if (process.interrupted) return Failure{Ending::interrupted, "stopped while the agent was at work"};
    const std::string log = file_tail(spec.output, kTailForReasons, log_start);
    if (const std::string reason = process_failure(process, options_, log); !reason.empty()) {
        return Failure{Ending::no_proposal, reason};
    }
    auto taken = desk.collect();
    if (!taken.ok()) {
        // Several agents end with code 0 after a refused login or a spent quota.
        const std::string trouble = agent_trouble(log);
        return Failure{Ending::no_proposal, trouble.empty() ? taken.failure().reason : trouble};
    }

    Proposal proposal;
    proposal.experiment = request.experiment;
    proposal.parent = request.incumbent.commit;
    proposal.source = std::move(taken.value().source);
    proposal.idea = std::move(taken.value().idea);
    proposal.agent.name = options_.agent.name;
    proposal.agent.model = options_.model;
    proposal.agent.seconds = process.wall_seconds;
    proposal.agent.ignored_files = std::move(taken.value().ignored);
    return proposal;
}

ProcessSpec AgentProposer::specification(const ProposalRequest& request, const Desk& desk,
                                         const std::string& prompt) const {
    const auto prompt_file = desk.scratch() / "prompt.md";
    ProcessSpec spec;
    Fields fields = known_fields();
    fields["prompt_file"] = prompt_file.string();
    fields["prompt"] = prompt;
    fields["desk"] = desk.path().string();
    fields["model"] = options_.model;
    fields["device"] = options_.device;
    fields["experiment"] = std::to_string(request.experiment);
    fields["self"] = options_.self.string();
    spec.command = agent_command(options_.agent, fields);
    spec.directory = desk.path();
    spec.environment = clean_environment(options_.agent);
    if (options_.agent.prompt == PromptChannel::standard_input) spec.input = prompt_file;
    spec.output = std::filesystem::absolute(request.directory) / "agent.log";
    spec.output_limit = options_.log_limit;
    spec.limit = options_.limit;
    spec.kill_grace = options_.kill_grace;
    return spec;
}

}  // namespace autoresearch
