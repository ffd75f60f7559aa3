#include "settings/settle.h"

#include <algorithm>
#include <ctime>

#include "autoresearch/error.h"

namespace autoresearch {

Settings settle(Settings asked, const Machine& machine) {
    constexpr double kShare = 0.85;  // the rest is for the system and the person at the machine
    asked.device = machine.device;
    if (asked.threads == 0) asked.threads = std::max(1, machine.threads);
    if (asked.memory_limit <= 0) asked.memory_limit = kShare * machine.memory_gb;
    if (asked.clock == ClockKind::automatic)
        asked.clock = asked.device == "cpu" ? ClockKind::cpu : ClockKind::wall;
    if (asked.counts_cpu_time() && asked.device != "cpu")
        throw UserError("--clock cpu counts CPU time, but trials run on " + asked.device,
                        "leave it out, or use --device cpu");
    return asked;
}

double next_time_of_day(const std::string& text) {
    if (text.empty()) return 0;
    const std::time_t now = std::time(nullptr);
    std::tm then{};
    ::localtime_r(&now, &then);
    const char* end = ::strptime(text.c_str(), "%H:%M", &then);
    if (end == nullptr || *end != '\0')
        throw UserError("--until " + text + " is not a time of day", "use a time such as --until 07:30");
    then.tm_sec = 0;
    then.tm_isdst = -1;  // unknown, and may differ tomorrow
    std::tm tomorrow = then;
    ++tomorrow.tm_mday;
    const std::time_t today = std::mktime(&then);
    return static_cast<double>(today > now ? today : std::mktime(&tomorrow));
}

}  // namespace autoresearch
