// The words in which an agent, a compiler or a trainer says what went wrong.

#include <cmath>

#include "fuzz.h"
#include "propose/agent_output.h"
#include "trial/trainer_builder.h"
#include "trial/trial_events.h"
#include "util/text.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    if (const auto trouble = agent_trouble(bytes)) {
        must(trouble->reason == clean_line(trouble->reason), "a reason is a clean line");
        must(std::isfinite(trouble->wait) && trouble->wait >= 0, "a wait is a time");
    }
    for (const std::string& line : {last_meaningful_line(bytes), build_failure_reason(bytes, "/a")})
        must(line == clean_line(line), "a log's line is clean");
}

}  // namespace autoresearch
