#include "record/experiment_json.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace autoresearch {

using nlohmann::json;

// Found by nlohmann's library, also for lists of them. The names are those of the members.

inline void to_json(json& to, Ending ending) {
    to = to_string(ending);
}

inline void from_json(const json& from, Ending& ending) {
    ending = ending_from_string(from.get<std::string>());
}

inline void to_json(json& to, Decision decision) {
    to = to_string(decision);
}

inline void from_json(const json& from, Decision& decision) {
    decision = decision_from_string(from.get<std::string>());
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AgentReport, name, model, session, calls, seconds, usd,
                                                usd_is_estimate, tokens, ignored_files)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Conditions, wait_seconds, steal_seconds, slept_seconds,
                                                throttled)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Trial, ending, reason, seed, val_bpb, training_seconds,
                                                total_seconds, wall_seconds, cpu_seconds, peak_memory_mb,
                                                mfu_percent, tokens_m, num_steps, num_params_m, depth,
                                                conditions, disturbed)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Verdict, decision, ending, reason, delta)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Experiment, number, started, parent, commit, source_hash,
                                                source_tokens, idea, agent, trials, reference_trials, verdict,
                                                build_seconds, seconds)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Proposal, experiment, parent, source, idea, agent)

json to_json(const Trial& trial) {
    return trial;
}

json to_json(const Experiment& experiment) {
    json object = experiment;
    object["val_bpb"] = experiment.val_bpb();
    return object;
}

json to_json(const Proposal& proposal) {
    return proposal;
}

/// `known` is what this version makes of it.
static void refuse_unknown_keys(const json& from, const json& known) {
    for (const auto& item : from.items()) {
        if (known.is_object() && !known.contains(item.key()))
            throw std::invalid_argument("a newer version of autoresearch wrote it: '" + item.key() +
                                        "' is not known here");
        if (item.value().is_structured())
            refuse_unknown_keys(item.value(),
                                known.is_object() ? known[item.key()] : known[std::stoul(item.key())]);
    }
}

Experiment experiment_from_json(const json& object) {
    auto experiment = object.get<Experiment>();
    refuse_unknown_keys(object, to_json(experiment));
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
