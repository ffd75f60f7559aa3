// The spec that a node reads from its standard input.

#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "contract/experiment_json.h"
#include "fuzz.h"
#include "proc/signals.h"
#include "trial/node.h"
#include "util/atomic_file.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    using nlohmann::json;
    static const Fd nowhere = open_file("/dev/null", O_WRONLY);
    NodePlace place;
    place.walls.kit.hash = "none that is asked for";
    if (!is_read([&] { run_node(bytes, place, nowhere.get(), NeverStop()); })) return;
    const json once = to_json(trial_spec_from_json(json::parse(bytes)));
    must(trial_spec_from_json(json::parse(once.dump())).source.size() ==
             json::parse(bytes).at("source").get<std::string>().size(),
         "the source is whole");
    must(to_json(trial_spec_from_json(json::parse(once.dump()))) == once, "a spec reads back");
}

}  // namespace autoresearch
