// autoresearch.json, a preset, and the texts of a variable and a flag.

#include <nlohmann/json.hpp>

#include "fuzz.h"
#include "settings/resolve.h"
#include "settings/settle.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    const auto texts = parts(bytes, 6);
    SettingSources sources;
    sources.repository = scratch().path();
    scratch().write("autoresearch.json", texts[0]);
    scratch().write("configs/fuzz.json", texts[1]);
    sources.environment["AUTORESEARCH_" + texts[2]] = texts[3];
    if (!texts[4].empty()) sources.flags[texts[4]] = texts[5];
    sources.default_preset = "fuzz";
    ResolvedSettings settings;
    if (!is_read([&] { settings = resolve_settings(sources); })) return;
    const auto written = to_json(settings);
    must(to_json(resolved_from_json(nlohmann::json::parse(written.dump()))) == written, "settings read back");
    is_read([&] { continue_settings(settings, settings, "cpu"); });
    is_read([&] { next_time_of_day(settings.values.until); });
}

}  // namespace autoresearch
