#pragma once

#include <string>

#include "plan/trust.h"
#include "propose/agents.h"
#include "record/run_info.h"
#include "trial/by_hand.h"
#include "vcs/git_repo.h"

namespace autoresearch {

/// How `autoresearch run` was asked to begin.
struct Beginning {
    bool from_working_tree = false;  // with train.cpp as it is, committed or not
    bool resume = false;             // only a run that exists
    bool trust = false;              // what files of the repository name may run
};

/// What a call of `autoresearch run` will do.
struct Plan {
    RunInfo run;
    TrialPlace place;      // of its trials, with its settings, settled
    bool is_new = false;   // nothing of it was written yet
    bool goes_on = false;  // experiments are already recorded
    std::string source;    // of the baseline, for a new run
    AgentAdapter agent;
    NamedPrograms programs;
    std::string agent_origin;  // where it was named, or why it was chosen
};

/// Checks everything that can be wrong before anything is written; throws UserError with the fix.
Plan plan_run(const GitRepo& git, const Kit& kit, const FlagValues& flags, const Beginning& beginning);

}  // namespace autoresearch
