#include "contract/experiment_json.h"

#include <concepts>
#include <limits>
#include <stdexcept>

#include "contract/json_enums.h"
#include "util/json.h"

namespace autoresearch {

using nlohmann::json;

template <class Value>
static void read_member(const json& from, const char* name, Value& to) {
    const auto found = from.find(name);
    if (found == from.end()) return;
    if constexpr (std::floating_point<Value>) {
        // It was NaN or infinite, which JSON cannot say: no reason to lose the experiment.
        if (found->is_null()) return void(to = std::numeric_limits<Value>::quiet_NaN());
    }
    read_json(*found, to);
}

// The names are those of the members. As nlohmann's macro, but with read_json.
#define READ_MEMBER(name) read_member(from, #name, nlohmann_json_t.name);
#define JSON_MEMBERS(Type, ...)                                                  \
    inline void to_json(json& nlohmann_json_j, const Type& nlohmann_json_t) {    \
        NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(NLOHMANN_JSON_TO, __VA_ARGS__)) \
    }                                                                            \
    inline void from_json(const json& from, Type& nlohmann_json_t) {             \
        static_cast<void>(from.get_ref<const json::object_t&>());                \
        NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(READ_MEMBER, __VA_ARGS__))      \
    }

JSON_MEMBERS(AgentReport, name, model, session, calls, seconds, usd, usd_is_estimate, tokens, ignored_files)
JSON_MEMBERS(Conditions, wait_seconds, steal_seconds, slept_seconds, throttled, others_seconds,
             stopped_seconds)
JSON_MEMBERS(Noise, sd, degrees)
JSON_MEMBERS(SeedDifference, seed, difference)
JSON_MEMBERS(EqualSteps, steps, loss)
JSON_MEMBERS(Evidence, ground, seeds, difference, noise, tail, needed, speed, memory, tokens,
             incumbent_tokens, equal_steps)
JSON_MEMBERS(Verdict, decision, ending, reason, evidence)

// As the macro would do it, with the numbers from their table.
void to_json(json& to, const Trial& trial) {
    to = {{"ending", trial.ending},
          {"reason", trial.reason},
          {"seed", trial.seed},
          {"wall_seconds", trial.wall_seconds},
          {"cpu_seconds", trial.cpu_seconds},
          {"conditions", trial.conditions},
          {"void_because", trial.void_because}};
    for (const TrialNumber& number : kTrialNumbers)
        std::visit([&](auto member) { to[number.name] = trial.*member; }, number.member);
    if (trial.ending != Ending::ok) to["val_bpb"] = nullptr;
}

void from_json(const json& from, Trial& trial) {
    const auto read = [&](const char* name, auto& value) { read_member(from, name, value); };
    static_cast<void>(from.get_ref<const json::object_t&>());
    read("ending", trial.ending);
    read("reason", trial.reason);
    read("seed", trial.seed);
    read("wall_seconds", trial.wall_seconds);
    read("cpu_seconds", trial.cpu_seconds);
    read("conditions", trial.conditions);
    read("void_because", trial.void_because);
    for (const TrialNumber& number : kTrialNumbers)
        std::visit([&](auto member) { read(number.name, trial.*member); }, number.member);
    if (trial.ending != Ending::ok) trial.val_bpb = 0;
}

JSON_MEMBERS(Experiment, number, started, proposal, ran_on, commit, source_hash, source_tokens, idea, agent,
             trials, reference_trials, verdict, box, build_seconds, seconds)
JSON_MEMBERS(Proposal, id, parent, source, idea, agent)
JSON_MEMBERS(StopThreshold, share, loss)
JSON_MEMBERS(TrialSpec, experiment, attempt, source, source_hash, kit, torch, data, seed, budget, shares,
             clock, device, known, threads, split, build_limit, startup_limit, grace, eval_limit,
             memory_limit, stop)

json to_json(const Trial& trial) {
    return trial;
}

Trial trial_from_json(const json& object) {
    return object.get<Trial>();
}

json to_json(const Experiment& experiment) {
    json object = experiment;
    const double val_bpb = experiment.val_bpb();
    object["val_bpb"] = val_bpb > 0 ? json(val_bpb) : json();
    return object;
}

json to_json(const Proposal& proposal) {
    return proposal;
}

json to_json(const TrialSpec& spec) {
    return spec;
}

/// `known` has all keys of this version, and one element in each list.
static void refuse_unknown_keys(const json& from, const json& known) {
    if (from.is_array()) {
        for (const json& each : from) refuse_unknown_keys(each, known.at(0));
    } else if (from.is_object()) {
        for (const auto& [key, value] : from.get_ref<const json::object_t&>()) {
            const auto found = known.find(key);
            if (found == known.end())
                throw std::invalid_argument("written by a newer autoresearch: '" + key +
                                            "' is not known here");
            refuse_unknown_keys(value, *found);
        }
    }
}

/// Made once: a night's ledger has thousands of lines.
static const json& known_keys() {
    static const json keys = [] {
        Experiment one;
        one.trials = one.reference_trials = {Trial()};
        one.agent.ignored_files = {""};
        one.verdict.evidence.seeds = {SeedDifference()};
        return to_json(one);
    }();
    return keys;
}

/// A version 1 line has a difference and a sentence instead of evidence, calls void trials disturbed, and has
/// no word for an experiment without a fair trial. The first lines of version 2 call `ran_on` parent.
static void renew(json& line) {
    const auto rename = [](json& in, const char* from, json& to, const char* name) {
        if (!in.contains(from)) return;
        to[name] = in[from];
        in.erase(from);
    };
    rename(line, "parent", line, "ran_on");
    if (json& verdict = line["verdict"]; verdict.contains("delta")) {
        rename(verdict, "delta", verdict["evidence"], "difference");
        if (verdict.value("decision", "") == "discard" && verdict.value("ending", "") == "no_result")
            verdict["decision"] = to_string(Decision::unjudged);
    }
    for (const char* list : {"trials", "reference_trials"})
        if (line.contains(list))
            for (json& trial : line[list]) rename(trial, "disturbed", trial, "void_because");
}

Experiment experiment_from_json(json object) {
    if (object.is_object() && object.contains("verdict") && object["verdict"].is_object()) renew(object);
    auto experiment = object.get<Experiment>();
    refuse_unknown_keys(object, known_keys());
    return experiment;
}

TrialSpec trial_spec_from_json(const json& object) {
    auto spec = object.get<TrialSpec>();
    TrialSpec one;
    one.shares = {0};
    one.stop = {StopThreshold()};
    const json known = one;
    refuse_unknown_keys(object, known);
    for (const auto& item : known.items())
        static_cast<void>(object.at(item.key()));  // throws if it is missing
    return spec;
}

Proposal proposal_from_json(const json& object) {
    return object.get<Proposal>();
}

std::string dump_line(const json& object) {
    return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string dump_indented(const json& object) {
    return object.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace autoresearch
