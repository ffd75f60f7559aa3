#include "record/experiment_json.h"

#include <cmath>
#include <concepts>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace autoresearch {

using nlohmann::json;
using nlohmann::ordered_json;

// The fields of each record, in the order of the file, for writing (a const record) and reading alike.

template <class T, class Record>
concept Same = std::same_as<std::remove_const_t<T>, Record>;

static void fields(const auto& visit, Same<AgentReport> auto& agent) {
    visit("name", agent.name);
    visit("model", agent.model);
    visit("session", agent.session);
    visit("calls", agent.calls);
    visit("seconds", agent.seconds);
    visit("usd", agent.usd);
    visit("usd_is_estimate", agent.usd_is_estimate);
    visit("tokens", agent.tokens);
    visit("ignored_files", agent.ignored_files);
}

static void fields(const auto& visit, Same<Conditions> auto& conditions) {
    visit("wait_seconds", conditions.wait_seconds);
    visit("steal_seconds", conditions.steal_seconds);
    visit("slept_seconds", conditions.slept_seconds);
    visit("throttled", conditions.throttled);
}

static void fields(const auto& visit, Same<Trial> auto& trial) {
    visit("ending", trial.ending);
    visit("reason", trial.reason);
    visit("seed", trial.seed);
    visit("val_bpb", trial.val_bpb);
    visit("training_seconds", trial.training_seconds);
    visit("total_seconds", trial.total_seconds);
    visit("wall_seconds", trial.wall_seconds);
    visit("cpu_seconds", trial.cpu_seconds);
    visit("peak_memory_mb", trial.peak_memory_mb);
    visit("mfu_percent", trial.mfu_percent);
    visit("tokens_m", trial.tokens_m);
    visit("num_steps", trial.num_steps);
    visit("num_params_m", trial.num_params_m);
    visit("depth", trial.depth);
    visit("conditions", trial.conditions);
    visit("disturbed", trial.disturbed);
}

static void fields(const auto& visit, Same<Verdict> auto& verdict) {
    visit("decision", verdict.decision);
    visit("ending", verdict.ending);
    visit("reason", verdict.reason);
    visit("delta", verdict.delta);
}

static void fields(const auto& visit, Same<Experiment> auto& experiment) {
    visit("number", experiment.number);
    double val_bpb = experiment.val_bpb();
    visit("val_bpb", val_bpb);
    visit("idea", experiment.idea);
    visit("verdict", experiment.verdict);
    visit("started", experiment.started);
    visit("seconds", experiment.seconds);
    visit("build_seconds", experiment.build_seconds);
    visit("parent", experiment.parent);
    visit("commit", experiment.commit);
    visit("source_hash", experiment.source_hash);
    visit("source_tokens", experiment.source_tokens);
    visit("agent", experiment.agent);
    visit("trials", experiment.trials);
    visit("reference_trials", experiment.reference_trials);
}

static void fields(const auto& visit, Same<Proposal> auto& proposal) {
    visit("experiment", proposal.experiment);
    visit("parent", proposal.parent);
    visit("idea", proposal.idea);
    visit("agent", proposal.agent);
    visit("source", proposal.source);
}

template <class T>
concept Record = requires(T& record) { fields([](const char*, const auto&) {}, record); };
template <class T>
concept Word = std::same_as<T, Ending> || std::same_as<T, Decision>;

// Found by nlohmann's library, also for lists of them.

static void to_json(ordered_json& to, const Word auto& word) {
    to = to_string(word);
}

static void from_json(const json& from, Ending& ending) {
    ending = ending_from_string(from.get<std::string>());
}

static void from_json(const json& from, Decision& decision) {
    decision = decision_from_string(from.get<std::string>());
}

static void to_json(ordered_json& to, const Record auto& record) {
    const auto put = [&](const char* key, const auto& value) {
        to[key] = value;
        if (to[key].is_number_float() && !std::isfinite(to[key].template get<double>())) to[key] = 0;
    };
    fields(put, record);
}

static void from_json(const json& from, Record auto& record) {
    std::vector<std::string> unknown;
    for (const auto& [key, value] : from.get_ref<const json::object_t&>()) unknown.push_back(key);
    const auto take = [&](const char* key, auto& value) {
        const auto found = from.find(key);
        if (found == from.end()) return;
        std::erase(unknown, key);
        try {
            found->get_to(value);
        } catch (const json::exception&) {
            throw std::invalid_argument("'" + std::string(key) + "' has the wrong type");
        }
    };
    fields(take, record);
    if (!unknown.empty())
        throw std::invalid_argument("a newer version of autoresearch wrote it: '" + unknown.front() +
                                    "' is not known here");
}

template <class T>
static T read_record(const json& from, const std::vector<const char*>& required) {
    for (const char* key : required) {
        if (!from.is_object() || !from.contains(key))
            throw std::invalid_argument("it is not an object with '" + std::string(key) + "'");
    }
    return from.get<T>();
}

ordered_json to_json(const Trial& trial) {
    return trial;
}

ordered_json to_json(const Experiment& experiment) {
    return experiment;
}

ordered_json to_json(const Proposal& proposal) {
    return proposal;
}

Experiment experiment_from_json(const json& object) {
    return read_record<Experiment>(object, {"number", "verdict", "trials"});
}

Proposal proposal_from_json(const json& object) {
    return read_record<Proposal>(object, {"experiment", "source"});
}

std::string dump_line(const ordered_json& object) {
    return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace autoresearch
