#include "propose/agent_proposer.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "autoresearch/error.h"
#include "contract/run_files.h"
#include "propose/agent_output.h"
#include "propose/prompt.h"
#include "util/atomic_file.h"
#include "util/plain_file.h"
#include "util/temporary_folder.h"
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

/// What one call led to.
struct AgentProposer::Call {
    ProcessResult process;
    AgentOutput output;
    bool silent = false;
    bool changed = false;  // there is an edit on the desk, usable or not
    std::string words;     // the agent's last, in one line
    Remedy remedy = Remedy::ask_again;
};

AgentProposer::AgentProposer(AgentProposerOptions options, const StopRequest& stop)
    : options_(std::move(options)), stop_(stop), secrets_(Secrets::here(options_.agent.env)) {
    if (options_.agent.needs_model && options_.settings.model.empty()) {
        throw UserError("agent " + options_.agent.name + " does not start without a model",
                        "name one with --model");
    }
    // Report a mistake in the command before the first experiment.
    agent_command(options_.agent, fields(0, ""));
}

/// Returns the prompt. The desk is as the agent left it where it may go on.
std::string AgentProposer::lay_out_desk(const ProposalRequest& request) {
    const bool goes_on = experiment_ == request.experiment;
    if (desk_ == nullptr) desk_ = std::make_unique<Desk>(options_.desk);
    if (!goes_on) last_output_ = {};
    experiment_ = request.experiment;
    std::string prompt;
    if (last_output_.session.empty() || request.rejected == nullptr) {
        prompt = prompt_text(read_file(options_.desk.program), request,
                             {options_.settings.device, options_.budget, options_.memory_gb});
    }
    if (request.rejected != nullptr) prompt += "\n" + repair_text(request);
    prompt = secrets_.clean(prompt, removed_);
    auto files = options_.agent.files;
    files["history.md"] =
        secrets_.clean(history_text(request.history, request.noise, options_.desk.experiments), removed_);
    files[kPromptFile] = prompt;
    if (!goes_on && request.rejected != nullptr && request.rejection->ending != Ending::no_proposal)
        files["idea.txt"] = request.rejected->idea + "\n";
    desk_->lay_out(before(request), std::move(files), experiments_to_show(request.history), goes_on);
    std::filesystem::create_directories(request.directory);
    const auto kept = run_files::prompt(request.directory);
    write_file(kept, try_read_file(kept).value_or("") + prompt);
    return prompt;
}

AgentProposer::Call AgentProposer::run_agent(const ProposalRequest& request) {
    const auto& rules = options_.agent.output;
    ProcessSpec spec = specification(request, lay_out_desk(request));
    const TemporaryFolder temporary("agent");
    box_agent(options_.walls, options_.agent, desk_->path(), temporary.path(), options_.settings.agent_keys,
              spec);
    const Home home(desk_->path().string() + "-home", options_.agent, spec.box);
    const auto log_start = file_length(spec.output), errors_start = file_length(spec.errors);
    Call call;
    call.process = run_process(spec, stop_);
    const std::string log = file_tail(spec.output, kLargestLog + (1 << 20), log_start);
    const std::string errors = file_tail(spec.errors, kLargestLog, errors_start);
    call.silent = log.empty() && errors.empty();
    PlainFile file;
    if (!rules.file.empty()) file = take_plain_file(desk_->path(), rules.file, kLargestLog);
    call.output = read_output(rules, log, secrets_.clean(file.text.value_or(""), removed_));
    removed_.merge(call.process.removed);
    // What is on stderr is for words alone. A program that failed says there why.
    const AgentOutput aside = read_output(rules, errors, "");
    const bool failed = call.process.exit_code != 0;
    for (const std::string& words :
         {call.output.error, failed ? aside.error : "", failed ? aside.message : "", call.output.message,
          aside.message, std::string(last_line(errors))})
        if (call.words.empty())
            call.words = clean_line(secrets_.clean(without_escapes(words), removed_), 200);
    return call;
}

AgentReport AgentProposer::report(const Call& call) {
    const AgentOutput& output = call.output;
    AgentReport report;
    report.name = options_.agent.name;
    report.model = options_.settings.model;
    report.session = output.session;
    report.calls = 1;
    report.seconds = call.process.wall_seconds;
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

/// What helps where there is no usable edit.
Remedy AgentProposer::remedy(const Call& call) const {
    constexpr int kMayNotRun = 126, kNotFound = 127;  // a shell's codes
    const ProcessResult& process = call.process;
    if (!process.start_error.empty() || process.exit_code == kMayNotRun || process.exit_code == kNotFound)
        return Remedy::install;
    if (!process.over_limit.empty()) return Remedy::ask_again;
    const bool no_answer = options_.agent.output.needs_tokens && call.output.tokens == 0 && !call.changed;
    const bool refused = no_answer || !call.output.error.empty();
    // What it had begun when its time was over shows that it worked.
    const bool failed =
        process.timed_out ? !call.changed && (call.silent || refused) : refused || process.exit_code != 0;
    return failed ? Remedy::wait : Remedy::ask_again;
}

/// What went wrong, with the agent's words. `none`: why there is no edit.
std::string AgentProposer::reason(const Call& call, const std::string& none) const {
    const ProcessResult& process = call.process;
    if (!process.start_error.empty()) return process.start_error;
    if (!process.over_limit.empty()) return "the agent held " + process.over_limit;
    std::string what = none;
    if (process.timed_out)
        what = fmt::format("the agent took longer than {:g} s", options_.settings.agent_limit);
    else if (process.signal != 0)
        what = "the agent failed with " + signal_name(process.signal);
    else if (process.exit_code != 0)
        what = fmt::format("the agent failed with exit code {}", process.exit_code);
    else if (call.remedy == Remedy::wait)
        what = call.output.error.empty() ? "the agent's model did not answer" : "the agent failed";
    else if (call.words.ends_with('?'))
        what = "the agent asked instead of editing";
    if (call.words.empty()) return what;
    return what == none ? what + "; it said: \"" + call.words + "\"" : what + ": " + call.words;
}

Answer AgentProposer::propose(const ProposalRequest& request) {
    removed_.clear();
    Call call = run_agent(request);
    auto taken = desk_->collect(before(request), secrets_, removed_);
    call.changed = taken.ok();
    call.remedy = remedy(call);
    Answer answer;
    Proposal& proposal = answer.proposal;
    proposal.agent = report(call);
    answer.remedy = call.remedy;
    answer.exit_code = call.process.exit_code;
    answer.said = call.words;
    answer.removed = removed_;
    if (call.process.interrupted) {
        answer.status = Failure{Ending::interrupted, "stopped while the agent was working"};
    } else if (taken.ok() && call.process.succeeded() && call.remedy == Remedy::ask_again) {
        proposal.parent = request.incumbent.commit;
        proposal.source = std::move(taken.value().source);
        proposal.idea = std::move(taken.value().idea);
        proposal.agent.ignored_files = std::move(taken.value().ignored);
    } else {
        const std::string none = taken.ok() ? "" : taken.failure().reason;
        answer.status = Failure{Ending::no_proposal, reason(call, none)};
    }
    // Neither the conversation of an agent that failed nor its half an edit is gone on with.
    if (call.remedy != Remedy::ask_again) experiment_ = -1;
    return answer;
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
    spec.errors = run_files::agent_errors(std::filesystem::absolute(request.directory));
    spec.output_limit = kLargestLog;
    spec.limit = options_.settings.agent_limit;
    spec.kill_grace = options_.kill_grace;
    spec.memory_limit = options_.settings.memory_limit;
    return spec;
}

}  // namespace autoresearch
