#include "contract/experiment_json.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "contract/json_enums.h"

namespace autoresearch {

using nlohmann::json;

// The names are those of the members.

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AgentReport, name, model, session, calls, seconds, usd,
                                                usd_is_estimate, tokens, ignored_files)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Conditions, wait_seconds, steal_seconds, slept_seconds,
                                                throttled)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Noise, sd, degrees)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(SeedDifference, seed, difference)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(EqualSteps, steps, loss)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Evidence, ground, seeds, difference, noise, tail, needed,
                                                speed, memory, tokens, incumbent_tokens, equal_steps)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Verdict, decision, ending, reason, evidence)

// As the macro would, with the numbers from their table.
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
}

void from_json(const json& from, Trial& trial) {
    const auto read = [&](const char* name, auto& value) {
        if (const auto found = from.find(name); found != from.end()) found->get_to(value);
    };
    read("ending", trial.ending);
    read("reason", trial.reason);
    read("seed", trial.seed);
    read("wall_seconds", trial.wall_seconds);
    read("cpu_seconds", trial.cpu_seconds);
    read("conditions", trial.conditions);
    read("void_because", trial.void_because);
    for (const TrialNumber& number : kTrialNumbers)
        std::visit([&](auto member) { read(number.name, trial.*member); }, number.member);
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Experiment, number, started, parent, commit, source_hash,
                                                source_tokens, idea, agent, trials, reference_trials, verdict,
                                                build_seconds, seconds)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Proposal, experiment, parent, source, idea, agent)

json to_json(const Trial& trial) {
    return trial;
}

Trial trial_from_json(const json& object) {
    return object.get<Trial>();
}

json to_json(const Experiment& experiment) {
    json object = experiment;
    object["val_bpb"] = experiment.val_bpb();
    return object;
}

json to_json(const Proposal& proposal) {
    return proposal;
}

/// `known` has all keys of this version, and one element in each list.
static void refuse_unknown_keys(const json& from, const json& known) {
    if (from.is_array()) {
        for (const json& each : from) refuse_unknown_keys(each, known.at(0));
    } else if (from.is_object()) {
        for (const auto& [key, value] : from.get_ref<const json::object_t&>()) {
            const auto found = known.find(key);
            if (found == known.end())
                throw std::invalid_argument("a newer version of autoresearch wrote it: '" + key +
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

/// A line of version 1 knew a difference and a sentence, called void trials disturbed, and had no word for an
/// experiment without a fair trial.
static void renew(json& line) {
    const auto rename = [](json& in, const char* from, json& to, const char* name) {
        if (!in.contains(from)) return;
        to[name] = in[from];
        in.erase(from);
    };
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
