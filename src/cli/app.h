#pragma once

namespace autoresearch {

/// The whole command: parses, runs a subcommand, catches everything once. Returns the exit code:
/// 0 done, 1 the work failed, 2 bad usage or configuration.
int run_app(int argc, char** argv);

}  // namespace autoresearch
