#include "record/experiment_json.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <type_traits>

namespace autoresearch {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// Takes the keys of one object, each exactly once.
class Fields {
  public:
    Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
        if (!object.is_object()) throw std::invalid_argument(where_ + " is not an object");
    }

    const json& take(const char* key) {
        const auto found = object_.find(key);
        if (found == object_.end()) throw std::invalid_argument(where_ + " has no '" + key + "'");
        taken_.insert(key);
        return *found;
    }

    template <class T>
    void read(const char* key, T& value) {
        const json& field = take(key);
        bool fits = false;
        if constexpr (std::is_same_v<T, std::string>) {
            fits = field.is_string();
        } else if constexpr (std::is_unsigned_v<T>) {
            fits = field.is_number_unsigned();
        } else if constexpr (std::is_integral_v<T>) {
            fits = field.is_number_integer();
        } else {
            fits = field.is_number();
        }
        if (!fits) fail(key);
        value = field.get<T>();
    }

    template <class Enum>
    void read_enum(const char* key, Enum& value, Enum (*from_string)(std::string_view)) {
        std::string name;
        read(key, name);
        value = from_string(name);
    }

    const json& take_array(const char* key) {
        const json& field = take(key);
        if (!field.is_array()) fail(key);
        return field;
    }

    void done() const {
        for (const auto& [key, value] : object_.items()) {
            if (!taken_.contains(key))
                throw std::invalid_argument(where_ + " has an unknown key '" + key + "'");
        }
    }

  private:
    [[noreturn]] void fail(const char* key) const {
        throw std::invalid_argument("'" + std::string(key) + "' of " + where_ + " has the wrong type");
    }

    const json& object_;
    std::string where_;
    std::set<std::string> taken_;
};

double finite(double value) {
    return std::isfinite(value) ? value : 0;
}

ordered_json to_json(const AgentReport& agent) {
    return {{"name", agent.name},       {"model", agent.model},   {"seconds", finite(agent.seconds)},
            {"usd", finite(agent.usd)}, {"tokens", agent.tokens}, {"ignored_files", agent.ignored_files}};
}

AgentReport agent_from_json(const json& object) {
    AgentReport agent;
    Fields fields(object, "the agent");
    fields.read("name", agent.name);
    fields.read("model", agent.model);
    fields.read("seconds", agent.seconds);
    fields.read("usd", agent.usd);
    fields.read("tokens", agent.tokens);
    for (const auto& file : fields.take_array("ignored_files")) {
        if (!file.is_string()) throw std::invalid_argument("'ignored_files' holds something else than names");
        agent.ignored_files.push_back(file.get<std::string>());
    }
    fields.done();
    return agent;
}

}  // namespace

ordered_json to_json(const Trial& trial) {
    return {{"ending", to_string(trial.ending)},
            {"reason", trial.reason},
            {"seed", trial.seed},
            {"val_bpb", finite(trial.val_bpb)},
            {"training_seconds", finite(trial.training_seconds)},
            {"total_seconds", finite(trial.total_seconds)},
            {"wall_seconds", finite(trial.wall_seconds)},
            {"cpu_seconds", finite(trial.cpu_seconds)},
            {"peak_memory_mb", finite(trial.peak_memory_mb)},
            {"mfu_percent", finite(trial.mfu_percent)},
            {"tokens_m", finite(trial.tokens_m)},
            {"num_steps", trial.num_steps},
            {"num_params_m", finite(trial.num_params_m)},
            {"depth", trial.depth}};
}

namespace {

Trial trial_from_json(const json& object) {
    Trial trial;
    Fields fields(object, "a trial");
    fields.read_enum("ending", trial.ending, ending_from_string);
    fields.read("reason", trial.reason);
    fields.read("seed", trial.seed);
    fields.read("val_bpb", trial.val_bpb);
    fields.read("training_seconds", trial.training_seconds);
    fields.read("total_seconds", trial.total_seconds);
    fields.read("wall_seconds", trial.wall_seconds);
    fields.read("cpu_seconds", trial.cpu_seconds);
    fields.read("peak_memory_mb", trial.peak_memory_mb);
    fields.read("mfu_percent", trial.mfu_percent);
    fields.read("tokens_m", trial.tokens_m);
    fields.read("num_steps", trial.num_steps);
    fields.read("num_params_m", trial.num_params_m);
    fields.read("depth", trial.depth);
    fields.done();
    return trial;
}

ordered_json to_json(const Verdict& verdict) {
    return {{"decision", to_string(verdict.decision)},
            {"ending", to_string(verdict.ending)},
            {"reason", verdict.reason},
            {"delta", finite(verdict.delta)}};
}

Verdict verdict_from_json(const json& object) {
    Verdict verdict;
    Fields fields(object, "the verdict");
    fields.read_enum("decision", verdict.decision, decision_from_string);
    fields.read_enum("ending", verdict.ending, ending_from_string);
    fields.read("reason", verdict.reason);
    fields.read("delta", verdict.delta);
    fields.done();
    return verdict;
}

}  // namespace

ordered_json to_json(const Experiment& experiment) {
    auto trials = ordered_json::array();
    for (const auto& trial : experiment.trials) trials.push_back(to_json(trial));
    return {{"number", experiment.number},
            {"val_bpb", finite(experiment.val_bpb())},
            {"idea", experiment.idea},
            {"verdict", to_json(experiment.verdict)},
            {"started", experiment.started},
            {"seconds", finite(experiment.seconds)},
            {"build_seconds", finite(experiment.build_seconds)},
            {"parent", experiment.parent},
            {"commit", experiment.commit},
            {"source_hash", experiment.source_hash},
            {"agent", to_json(experiment.agent)},
            {"trials", std::move(trials)}};
}

Experiment experiment_from_json(const json& object) {
    Experiment experiment;
    Fields fields(object, "the experiment");
    fields.read("number", experiment.number);
    fields.take("val_bpb");
    fields.read("idea", experiment.idea);
    experiment.verdict = verdict_from_json(fields.take("verdict"));
    fields.read("started", experiment.started);
    fields.read("seconds", experiment.seconds);
    fields.read("build_seconds", experiment.build_seconds);
    fields.read("parent", experiment.parent);
    fields.read("commit", experiment.commit);
    fields.read("source_hash", experiment.source_hash);
    experiment.agent = agent_from_json(fields.take("agent"));
    for (const auto& trial : fields.take_array("trials")) experiment.trials.push_back(trial_from_json(trial));
    fields.done();
    return experiment;
}

ordered_json to_json(const Proposal& proposal) {
    return {{"experiment", proposal.experiment},
            {"parent", proposal.parent},
            {"idea", proposal.idea},
            {"agent", to_json(proposal.agent)},
            {"source", proposal.source}};
}

Proposal proposal_from_json(const json& object) {
    Proposal proposal;
    Fields fields(object, "the proposal");
    fields.read("experiment", proposal.experiment);
    fields.read("parent", proposal.parent);
    fields.read("idea", proposal.idea);
    proposal.agent = agent_from_json(fields.take("agent"));
    fields.read("source", proposal.source);
    fields.done();
    return proposal;
}

std::string dump_line(const ordered_json& json) {
    return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace autoresearch
