#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/final_number.h"
#include "cli/run_info.h"
#include "contract/experiment_json.h"
#include "record/file_ledger.h"
#include "record/run_lock.h"
#include "vcs/git_repo.h"
#include "view/result_table.h"
#include "view/terminal_reporter.h"

namespace autoresearch {

void print_state(const RunInfo& run, bool json) {
    const auto experiments = read_ledger(run.directory);
    const auto holder = lock_holder(run.directory);
    const Settings& config = run.config.values;
    const auto verdicts = summary_of_verdicts(run, experiments);
    if (json) {
        auto all = nlohmann::ordered_json::array();
        for (const auto& experiment : experiments) all.emplace_back(to_json(experiment));
        const nlohmann::ordered_json state = {{"tag", run.tag()},          {"running", holder.has_value()},
                                              {"pid", holder.value_or(0)}, {"device", run.device},
                                              {"data", run.data},          {"config", to_json(run.config)},
                                              {"verdicts", verdicts},      {"experiments", all}};
        std::cout << state.dump(2) << "\n";
        return;
    }
    std::cout << "run " << run.tag() << ", started " << run.created << ", " << budget_text(config) << " on "
              << run.device << ", corpus " << config.corpus << "; "
              << (holder ? "running (pid " + std::to_string(*holder) + ")" : std::string("not running"))
              << "\n\n"
              << result_table(experiments, output_style(STDOUT_FILENO).color) << summary_text(verdicts)
              << "kept: git log " << run_branch(run.tag()) << "; everything: " << run.directory.string()
              << "\n";
    if (!holder) std::cout << "go on with: autoresearch run --tag " << run.tag() << "\n";
}

int status_command(const Arguments& arguments) {
    const RunInfo run = require_run(GitRepo::open(".").workdir(), arguments.tag);
    print_notes(run.config);
    print_state(run, arguments.json);
    return 0;
}

}  // namespace autoresearch
