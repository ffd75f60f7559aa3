#include "propose/agent_proposer.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <system_error>

#include "autoresearch/error.h"
#include "propose/agent_output.h"
#include "propose/prompt.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

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
            {"experiment", ""},  {"self", ""},   {"turns", ""}, {"usd", ""},   {"session", ""}};
}

std::string how_it_ended(const ProcessResult& process, const AgentOutput& output) {
    const std::string how =
        process.signal != 0 ? signal_name(process.signal) : "exit code " + std::to_string(process.exit_code);
    const std::string words = clean_line(output.error.empty() ? output.message : output.error, 200);
    return "the agent failed with " + how + (words.empty() ? "" : ": " + words);
}

std::string without_edit(const std::string& what, const AgentOutput& output) {
    const std::string words = clean_line(output.message, 200);
    if (words.ends_with('?')) return "the agent asked instead of editing: " + words;
    return what + (words.empty() ? "" : ": " + words);
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

void AgentProposer::prepare_desk(const ProposalRequest& request) {
    const std::string& source = request.rejected != nullptr ? request.rejected->source : request.source;
    const auto add_files = [&] {
        for (const auto& [path, text] : options_.agent.files) desk_->add(path, text);
    };
    if (experiment_ == request.experiment && desk_) {
        try {
            desk_->mend(source);
            return add_files();
        } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): the agent broke it: a new one
        }
    }
    session_.clear();
    desk_.reset();
    desk_ = std::make_unique<Desk>(options_.desk);
    experiment_ = request.experiment;
    desk_->add("history.md", history_text(request.history, request.noise, options_.desk.experiments));
    add_files();
    desk_->seal(source);
}

Answer AgentProposer::propose(const ProposalRequest& request) {
    prepare_desk(request);
    std::string prompt;
    if (session_.empty()) {
        prompt = prompt_text(read_file(options_.desk.program), request,
                             {options_.device, options_.budget, options_.memory_gb});
    }
    if (request.rejected != nullptr) prompt += "\n" + repair_text(request);
    if (prompt.empty()) prompt = "You were interrupted. Go on with your task, and end.\n";
    desk_->add(".agent/prompt.md", prompt);
    std::filesystem::create_directories(request.directory);
    write_file(request.directory / "prompt.md",
               try_read_file(request.directory / "prompt.md").value_or("") + prompt);

    const auto& rules = options_.agent.output;
    const auto output_file = desk_->path() / rules.file;
    const ProcessSpec spec = specification(request, prompt);
    const auto log_start = file_length(spec.output);
    const ProcessResult process = run_process(spec, stop_);
    const auto output = read_output(
        rules, file_tail(spec.output, static_cast<std::size_t>(options_.log_limit) + (1 << 20), log_start),
        rules.file.empty() ? "" : file_tail(output_file, static_cast<std::size_t>(options_.log_limit)));
    // A conversation that goes on may count what its earlier calls reported.
    const bool counted = rules.running_totals && !session_.empty() && output.session == session_;
    const AgentOutput earlier = counted ? last_output_ : AgentOutput{};
    session_ = output.session;
    last_output_ = output;

    Answer answer;
    AgentReport& report = answer.proposal.agent;
    report.name = options_.agent.name;
    report.model = options_.model;
    report.session = output.session;
    report.calls = 1;
    report.seconds = process.wall_seconds;
    report.tokens = std::max<std::int64_t>(0, output.tokens - earlier.tokens);
    report.usd = std::max(0.0, output.usd - earlier.usd);
    if (output.usd <= 0 && report.tokens > 0 && options_.token_price > 0) {
        report.usd = static_cast<double>(report.tokens) / 1e6 * options_.token_price;
        report.usd_is_estimate = true;
    }

    const auto fail = [&](const std::string& reason, Remedy remedy = Remedy::ask_again) {
        answer.failure = Failure{Ending::no_proposal, reason};
        answer.remedy = remedy;
        return answer;
    };
    if (process.interrupted) {
        answer.failure = Failure{Ending::interrupted, "stopped while the agent was at work"};
        return answer;
    }
    if (!process.start_error.empty()) return fail(process.start_error, Remedy::person);
    const bool failed = process.timed_out || process.exit_code != 0 || !output.error.empty();
    auto taken = desk_->collect(request.rejected != nullptr ? request.rejected->source : request.source);
    if (failed || !taken.ok()) {
        // Several agents end with code 0 after a refused login or a spent quota.
        if (const auto trouble = agent_trouble(output.error + "\n" + output.plain)) {
            answer.wait = trouble->wait;
            return fail(trouble->reason, trouble->remedy);
        }
        if (!process.over_memory.empty()) return fail("the agent held " + process.over_memory);
        if (process.timed_out) return fail(fmt::format("the agent took longer than {:g} s", options_.limit));
        if (failed) return fail(how_it_ended(process, output));
        return fail(without_edit(taken.failure().reason, output));
    }
    answer.proposal.experiment = request.experiment;
    answer.proposal.parent = request.incumbent.commit;
    answer.proposal.source = std::move(taken.value().source);
    answer.proposal.idea = std::move(taken.value().idea);
    report.ignored_files = std::move(taken.value().ignored);
    return answer;
}

ProcessSpec AgentProposer::specification(const ProposalRequest& request, const std::string& prompt) const {
    const auto prompt_file = desk_->scratch() / "prompt.md";
    ProcessSpec spec;
    Fields fields = known_fields();
    fields["prompt_file"] = prompt_file.string();
    fields["prompt"] = prompt;
    fields["desk"] = desk_->path().string();
    fields["model"] = options_.model;
    fields["device"] = options_.device;
    fields["experiment"] = std::to_string(request.experiment);
    fields["self"] = options_.self.string();
    fields["session"] = session_;
    spec.command = agent_command(options_.agent, fields, options_.more_arguments);
    spec.directory = desk_->path();
    spec.environment = clean_environment(options_.agent);
    if (options_.agent.prompt == PromptChannel::standard_input) spec.input = prompt_file;
    spec.output = std::filesystem::absolute(request.directory) / "agent.log";
    spec.output_limit = options_.log_limit;
    spec.limit = options_.limit;
    spec.kill_grace = options_.kill_grace;
    spec.memory_limit = options_.memory_limit;
    return spec;
}

}  // namespace autoresearch
