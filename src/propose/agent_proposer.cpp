#include "propose/agent_proposer.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "autoresearch/error.h"
#include "contract/run_files.h"
#include "propose/agent_output.h"
#include "propose/prompt.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

constexpr const char* kPromptFile = ".agent/prompt.md";
constexpr std::size_t kLargestLog = 16 << 20;  // bytes of agent.log and of an agent's own report file

/// The source that the agent starts from.
const std::string& before(const ProposalRequest& request) {
    return request.rejected != nullptr ? request.rejected->source : request.source;
}

/// Environment changes that keep our surroundings from affecting an agent's behaviour or output.
Environment clean_environment(const AgentAdapter& agent) {
    Environment result(agent.env.begin(), agent.env.end());
    result.insert({{"TERM", "dumb"}, {"NO_COLOR", "1"}, {"COLUMNS", "4000"}, {"BROWSER", "true"}});
    for (const char* name :
         {"CLAUDECODE", "NODE_OPTIONS", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "PWD"})
        result.emplace(name, std::nullopt);
    return result;
}

}  // namespace

AgentProposer::AgentProposer(AgentProposerOptions options, const StopRequest& stop)
    : options_(std::move(options)), stop_(stop) {
    if (options_.agent.needs_model && options_.settings.model.empty()) {
        throw UserError("agent " + options_.agent.name + " does not start without a model",
                        "name one with --model");
    }
    // Report a mistake in the command before the first experiment.
    agent_command(options_.agent, fields(0, ""));
}

/// Returns the prompt.
std::string AgentProposer::lay_out_desk(const ProposalRequest& request) {
    if (experiment_ != request.experiment) {
        if (desk_ == nullptr)
            desk_ = std::make_unique<Desk>(options_.desk);
        else
            desk_->move();
        experiment_ = request.experiment;
        last_output_ = {};
    }
    std::string prompt;
    if (last_output_.session.empty()) {
        prompt = prompt_text(read_file(options_.desk.program), request,
                             {options_.settings.device, options_.budget, options_.memory_gb});
    }
    if (request.rejected != nullptr) prompt += "\n" + repair_text(request);
    if (prompt.empty()) prompt = "You were interrupted. Continue your task, then stop.\n";
    auto files = options_.agent.files;
    files["history.md"] = history_text(request.history, request.noise, options_.desk.experiments);
    files[kPromptFile] = prompt;
    desk_->lay_out(before(request), std::move(files), experiments_to_show(request.history));
    std::filesystem::create_directories(request.directory);
    const auto kept = run_files::prompt(request.directory);
    write_file(kept, try_read_file(kept).value_or("") + prompt);
    return prompt;
}

AgentReport AgentProposer::report(const AgentOutput& output, double seconds) {
    AgentReport report;
    report.name = options_.agent.name;
    report.model = options_.settings.model;
    report.session = output.session;
    report.calls = 1;
    report.seconds = seconds;
    // A resumed conversation may include what its earlier calls reported.
    const bool counted = options_.agent.output.running_totals && output.session == last_output_.session;
    report.tokens = std::max<std::int64_t>(0, output.tokens - (counted ? last_output_.tokens : 0));
    report.usd = std::max(0.0, output.usd - (counted ? last_output_.usd : 0));
    if (output.usd <= 0 && report.tokens > 0 && options_.settings.token_price > 0) {
        report.usd = static_cast<double>(report.tokens) / 1e6 * options_.settings.token_price;
        report.usd_is_estimate = true;
    }
    last_output_ = uses_field(options_.agent, "session") ? output : AgentOutput{};
    return report;
}

Answer AgentProposer::propose(const ProposalRequest& request) {
    const auto& rules = options_.agent.output;
    const ProcessSpec spec = specification(request, lay_out_desk(request));
    const auto log_start = file_length(spec.output);
    const ProcessResult process = run_process(spec, stop_);
    const AgentOutput output =
        read_output(rules, file_tail(spec.output, kLargestLog + (1 << 20), log_start),
                    rules.file.empty() ? "" : file_tail(desk_->path() / rules.file, kLargestLog));
    Answer answer;
    Proposal& proposal = answer.proposal;
    proposal.agent = report(output, process.wall_seconds);
    const auto fail = [&](const std::string& reason, Remedy remedy = Remedy::ask_again) {
        answer.status = Failure{Ending::no_proposal, reason};
        answer.remedy = remedy;
        return answer;
    };
    if (process.interrupted) {
        answer.status = Failure{Ending::interrupted, "stopped while the agent was working"};
        return answer;
    }
    if (!process.start_error.empty()) return fail(process.start_error, Remedy::person);
    const bool failed = process.timed_out || process.exit_code != 0 || !output.error.empty();
    auto taken = desk_->collect(before(request));
    if (!failed && taken.ok()) {
        proposal.parent = request.incumbent.commit;
        proposal.source = std::move(taken.value().source);
        proposal.idea = std::move(taken.value().idea);
        proposal.agent.ignored_files = std::move(taken.value().ignored);
        return answer;
    }
    // Several agents exit with code 0 after a refused login or an exhausted quota.
    if (const auto trouble = agent_trouble(output.error + "\n" + output.plain)) {
        answer.wait = trouble->wait;
        return fail(trouble->reason, trouble->remedy);
    }
    if (!process.over_memory.empty()) return fail("the agent held " + process.over_memory);
    if (process.timed_out)
        return fail(fmt::format("the agent took longer than {:g} s", options_.settings.agent_limit));
    const std::string words = clean_line(output.error.empty() ? output.message : output.error, 200);
    const std::string told = words.empty() ? "" : ": " + words;
    if (process.signal != 0) return fail("the agent failed with " + signal_name(process.signal) + told);
    if (failed) return fail(fmt::format("the agent failed with exit code {}{}", process.exit_code, told));
    if (words.ends_with('?')) return fail("the agent asked instead of editing" + told);
    return fail(taken.failure().reason + told);
}

Fields AgentProposer::fields(int experiment, const std::string& prompt) const {
    const std::filesystem::path desk = desk_ ? desk_->path() : "";
    return {{"prompt_file", desk / kPromptFile},
            {"prompt", prompt},
            {"desk", desk},
            {"model", options_.settings.model},
            {"device", options_.settings.device},
            {"experiment", std::to_string(experiment)},
            {"self", options_.self},
            {"session", last_output_.session}};
}

ProcessSpec AgentProposer::specification(const ProposalRequest& request, const std::string& prompt) const {
    const AgentAdapter& agent = options_.agent;
    ProcessSpec spec;
    spec.command = agent_command(agent, fields(request.experiment, prompt), options_.settings.agent_args);
    spec.directory = desk_->path();
    spec.environment = clean_environment(agent);
    if (!uses_field(agent, "prompt") && !uses_field(agent, "prompt_file"))
        spec.input = desk_->path() / kPromptFile;
    spec.output = run_files::agent_log(std::filesystem::absolute(request.directory));
    spec.output_limit = kLargestLog;
    spec.limit = options_.settings.agent_limit;
    spec.kill_grace = options_.kill_grace;
    spec.memory_limit = options_.settings.memory_limit;
    return spec;
}

}  // namespace autoresearch
