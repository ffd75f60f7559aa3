#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "judge/paired_judge.h"
#include "plan/workspace.h"
#include "proc/signals.h"
#include "proc/system_clock.h"
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

/// Shows what is going on and each new result, until the run ends or the person has seen enough.
void follow(const RunInfo& run) {
    const SignalStop stop;
    const bool terminal = output_style(STDOUT_FILENO).terminal;
    std::size_t shown = 0;
    std::string before;
    while (lock_holder(run.directory) && !stop.after_experiment()) {
        const auto summary = read_summary(run.directory);
        const std::string rows = summary ? summary->rows : "", now = now_text(run.directory);
        if (now == before && rows.size() <= shown) {
            system_clock().sleep(0.2);
            continue;
        }
        if (terminal) std::cout << "\r\x1b[K";
        std::cout << rows.substr(std::min(shown, rows.size()));
        if (terminal || now.substr(0, now.find("  ")) != before.substr(0, before.find("  ")))
            std::cout << now << (terminal ? "" : "\n");
        std::cout.flush();
        shown = rows.size();
        before = now;
    }
    if (terminal) std::cout << "\r\x1b[K";
}

int status(const Arguments& arguments) {
    const RunInfo run = require_run(GitRepo::open(".").workdir(), arguments.tag);
    print_notes(run.config);
    if (arguments.follow) follow(run);
    print_run(run, arguments.json);
    return 0;
}

}  // namespace

void add_status(Commands& commands) {
    auto flags = commands.add("status", "show where a run stands", status);
    flags.json();
    flags.tag();
    flags.flag("--follow", flags.given.follow, "watch it until it ends; Ctrl-C ends the watching only");
    flags.examples({"autoresearch status --follow", "autoresearch status --json --tag nov22"});
}

}  // namespace autoresearch
