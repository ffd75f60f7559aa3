#pragma once

#include <string>

#include "cli/run_info.h"
#include "cli/workspace.h"
#include "propose/agents.h"
#include "vcs/git_repo.h"

namespace autoresearch {

struct RunOptions {
    bool from_working_tree = false;
    bool resume = false;
};

/// What a call of `autoresearch run` is going to do. Nothing is written yet.
struct RunPlan {
    RunInfo run;
    bool goes_on = false;  // the run exists already
    std::string source;    // of the baseline, for a new run
    PreparedData data;
    AgentAdapter agent;
    std::string agent_origin;  // where it was named, or that it was the first installed
};

/// Settles everything that can be wrong before anything is written; throws UserError with the mend.
RunPlan plan_run(const GitRepo& git, const Kit& kit, const FlagValues& flags, const RunOptions& options);

/// The baseline's source as saved beside run.json.
inline constexpr const char* kStartSource = "start.cpp";

/// Writes run.json, and for a new run the baseline's source. The caller holds the run's lock.
void write_plan(const RunPlan& plan, const GitRepo& git);

}  // namespace autoresearch
