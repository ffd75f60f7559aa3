#include "contract/trial_spec.h"

#include <stdexcept>

#include "contract/json_enums.h"
#include "util/json.h"

namespace autoresearch {

using nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(StopThreshold, share, loss)

namespace {

/// Calls take(name, member) for every member: the one list of them.
template <class Spec, class Take>
void each_member(Spec& spec, const Take& take) {
    take("experiment", spec.experiment);
    take("attempt", spec.attempt);
    take("source", spec.source);
    take("source_hash", spec.source_hash);
    take("kit", spec.kit);
    take("torch", spec.torch);
    take("data", spec.data);
    take("seed", spec.seed);
    take("budget", spec.budget);
    take("shares", spec.shares);
    take("clock", spec.clock);
    take("device", spec.device);
    take("threads", spec.threads);
    take("split", spec.split);
    take("build_limit", spec.build_limit);
    take("startup_limit", spec.startup_limit);
    take("grace", spec.grace);
    take("eval_limit", spec.eval_limit);
    take("memory_limit", spec.memory_limit);
    take("stop", spec.stop);
}

}  // namespace

TrialSpec common_spec(const Settings& settings) {
    TrialSpec spec;
    spec.budget = settings.budget;
    spec.clock = settings.clock;
    spec.device = settings.device;
    spec.threads = settings.threads;
    spec.build_limit = settings.build_limit;
    spec.startup_limit = settings.startup_limit;
    spec.grace = settings.grace;
    spec.eval_limit = settings.eval_limit;
    spec.memory_limit = settings.memory_limit;
    return spec;
}

json identity(const TrialSpec& spec) {
    return {{"source_hash", spec.source_hash},
            {"kit", spec.kit},
            {"torch", spec.torch},
            {"data", spec.data},
            {"budget", spec.budget},
            {"clock", spec.clock},
            {"device", spec.device},
            {"threads", spec.threads},
            {"split", spec.split}};
}

void to_json(json& to, const TrialSpec& spec) {
    to = json::object();
    each_member(spec, [&](const char* name, const auto& member) { to[name] = member; });
}

void from_json(const json& from, TrialSpec& spec) {
    std::size_t known = 0;
    each_member(spec, [&](const char* name, auto& member) {
        read_json(from.at(name), member);
        ++known;
    });
    if (from.size() == known) return;
    const json mine = spec;
    for (const auto& item : from.items())
        if (!mine.contains(item.key()))
            throw std::invalid_argument("a trial spec with '" + item.key() +
                                        "', which this version does not know");
}

}  // namespace autoresearch
