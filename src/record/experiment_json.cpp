#include "record/experiment_json.h"

#include <cmath>
#include <concepts>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

namespace autoresearch {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// The fields of each record, in the order of the file, for writing and reading alike: `visit` is a Writer
// with a const record, or a Reader.

template <class T, class Record>
concept Same = std::same_as<std::remove_const_t<T>, Record>;

void fields(auto& visit, Same<AgentReport> auto& agent) {
    visit("name", agent.name);
    visit("model", agent.model);
    visit("seconds", agent.seconds);
    visit("usd", agent.usd);
    visit("tokens", agent.tokens);
    visit("ignored_files", agent.ignored_files);
}

void fields(auto& visit, Same<Conditions> auto& conditions) {
    visit("wait_seconds", conditions.wait_seconds);
    visit("steal_seconds", conditions.steal_seconds);
    visit("slept_seconds", conditions.slept_seconds);
    visit("throttled", conditions.throttled);
}

void fields(auto& visit, Same<Trial> auto& trial) {
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

void fields(auto& visit, Same<Verdict> auto& verdict) {
    visit("decision", verdict.decision);
    visit("ending", verdict.ending);
    visit("reason", verdict.reason);
    visit("delta", verdict.delta);
}

void fields(auto& visit, Same<Experiment> auto& experiment) {
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
    visit("agent", experiment.agent);
    visit("trials", experiment.trials);
    visit("reference_trials", experiment.reference_trials);
}

void fields(auto& visit, Same<Proposal> auto& proposal) {
    visit("experiment", proposal.experiment);
    visit("parent", proposal.parent);
    visit("idea", proposal.idea);
    visit("agent", proposal.agent);
    visit("source", proposal.source);
}

template <class T>
concept Word = std::same_as<T, Ending> || std::same_as<T, Decision>;
template <class T>
concept Plain = std::integral<T> || std::same_as<T, std::string>;

struct Writer {
    ordered_json object = ordered_json::object();

    void operator()(const char* key, const auto& value) { object[key] = encoded(value); }

    static ordered_json encoded(const Plain auto& value) { return value; }
    static ordered_json encoded(double value) { return std::isfinite(value) ? value : 0; }
    static ordered_json encoded(const Word auto& value) { return to_string(value); }
    template <class T>
    static ordered_json encoded(const std::vector<T>& values) {
        auto array = ordered_json::array();
        for (const T& value : values) array.push_back(encoded(value));
        return array;
    }
    static ordered_json encoded(const auto& record) {
        Writer writer;
        fields(writer, record);
        return writer.object;
    }
};

struct Reader {
    const json& object;

    void operator()(const char* key, auto& value) {
        const auto found = object.find(key);
        if (found == object.end()) return;
        try {
            decode(*found, value);
        } catch (const json::exception&) {
            throw std::invalid_argument("'" + std::string(key) + "' has the wrong type");
        }
    }

    static void decode(const json& from, Plain auto& value) { from.get_to(value); }
    static void decode(const json& from, double& value) { from.get_to(value); }
    static void decode(const json& from, Ending& value) {
        value = ending_from_string(from.get<std::string>());
    }
    static void decode(const json& from, Decision& value) {
        value = decision_from_string(from.get<std::string>());
    }
    template <class T>
    static void decode(const json& from, std::vector<T>& values) {
        values.clear();
        for (const json& element : from.get_ref<const json::array_t&>())
            decode(element, values.emplace_back());
    }
    static void decode(const json& from, auto& record) {
        from.get_ref<const json::object_t&>();  // throws for anything else
        Reader reader{from};
        fields(reader, record);
    }
};

template <class Record>
Record read_record(const json& from, const char* number) {
    if (!from.is_object() || !from.contains(number))
        throw std::invalid_argument("it is not an object with '" + std::string(number) + "'");
    Record record;
    Reader::decode(from, record);
    return record;
}

}  // namespace

ordered_json to_json(const Trial& trial) {
    return Writer::encoded(trial);
}

ordered_json to_json(const Experiment& experiment) {
    return Writer::encoded(experiment);
}

ordered_json to_json(const Proposal& proposal) {
    return Writer::encoded(proposal);
}

Experiment experiment_from_json(const json& object) {
    return read_record<Experiment>(object, "number");
}

Proposal proposal_from_json(const json& object) {
    return read_record<Proposal>(object, "experiment");
}

std::string dump_line(const ordered_json& json) {
    return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace autoresearch
