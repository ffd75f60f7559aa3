// The words in which a compiler or a trainer says what went wrong.

#include "fuzz.h"
#include "trial/trainer_builder.h"
#include "trial/trial_events.h"
#include "util/text.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    must(without_escapes(bytes).find('\x1b') == std::string::npos, "no escape is left");
    for (const std::string& line : {last_meaningful_line(bytes), build_failure_reason(bytes, "/a")})
        must(line == clean_line(line), "a log's line is clean");
}

}  // namespace autoresearch
