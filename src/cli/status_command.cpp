#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "judge/paired_judge.h"
#include "plan/workspace.h"
#include "record/file_ledger.h"
#include "record/run_lock.h"
#include "vcs/git_repo.h"
#include "view/run_view.h"
#include "view/terminal_reporter.h"

namespace autoresearch {

void print_run(const RunInfo& run, bool json) {
    auto summary = json ? std::nullopt : read_summary(run.directory);
    std::vector<Experiment> experiments;
    if (!summary) {
        experiments = read_ledger(run.directory);
        summary = summarize(experiments, run_summary_rules());
    }
    const RunView view{run, run_branch(run.tag()), *std::move(summary), lock_holder(run.directory)};
    std::cout << (json ? run_json(view, experiments).dump(2) + "\n"
                       : run_text(view, output_style(STDOUT_FILENO).color));
}

SummaryRules run_summary_rules() {
    return summary_rules([](const auto& experiments) { return pooled_noise(experiments); });
}

namespace {

int status(const Arguments& arguments) {
    const RunInfo run = require_run(GitRepo::open(".").workdir(), arguments.tag);
    print_notes(run.config);
    print_run(run, arguments.json);
    return 0;
}

}  // namespace

void add_status(Commands& commands) {
    auto flags = commands.add("status", "show where a run stands", status);
    flags.json();
    flags.tag();
}

}  // namespace autoresearch
