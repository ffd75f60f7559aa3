#pragma once

#include <filesystem>
#include <string>

#include "contract/outside.h"
#include "trial/walls.h"

namespace autoresearch {

/// What a node has of its own.
struct NodePlace {
    std::filesystem::path data_root;  // one folder per fingerprint
    Walls walls;                      // around build and trial
    std::filesystem::path programs;   // cache of built programs, by hash of source and kit; trials run here
};

/// Runs one trial for another process: `spec` is a TrialSpec as JSON. On the descriptor `out` it writes a
/// JSON line whenever something happens and at least every 5 s, each with an "event":
///   {"event":"phase","what":"build"}  {"event":"progress","share":0.5,"detail":"step 9, loss 5.1"}
///   {"event":"note","line":"..."}  {"event":"alive"}
/// and finally one of
///   {"event":"trial","trial":{...},"curve":"<the curve file>","log":"<the end of run.log or build.log>"}
///   {"event":"unfit","reason":"..."}: its kit, torch or data are not those of the spec
/// The trial ends, with all its processes, when nobody reads `out` any more or `stop` says so; then nothing
/// more is written. Returns whether the last line was written. UserError if `spec` is invalid.
bool run_node(const std::string& spec, const NodePlace& place, int out, const StopRequest& stop);

}  // namespace autoresearch
