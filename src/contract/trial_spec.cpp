#include "contract/trial_spec.h"

#include "contract/json_enums.h"

namespace autoresearch {

using nlohmann::json;

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

}  // namespace autoresearch
