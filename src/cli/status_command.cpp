#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/final_number.h"
#include "cli/run_info.h"
#include "record/experiment_json.h"
#include "record/file_ledger.h"
#include "record/run_files.h"
#include "record/run_lock.h"
#include "record/table.h"
#include "record/terminal_reporter.h"
#include "vcs/git_repo.h"

namespace autoresearch {
namespace {

int status(const std::string& tag, bool json) {
    const RunInfo run = require_run(GitRepo::open(".").workdir(), tag);
    const auto experiments = read_ledger(run.directory);
    const auto holder = RunLock::holder(run.directory);
    const Config& config = run.config.values;
    if (json) {
        auto all = nlohmann::ordered_json::array();
        for (const auto& experiment : experiments) all.push_back(to_json(experiment));
        const nlohmann::ordered_json state = {{"tag", run.tag()},
                                              {"running", holder.has_value()},
                                              {"pid", holder.value_or(0)},
                                              {"device", run.device},
                                              {"data", run.data},
                                              {"config", to_json(run.config)},
                                              {"verdicts", summary_of_verdicts(run, experiments)},
                                              {"experiments", all}};
        std::cout << state.dump(2) << "\n";
        return 0;
    }
    std::cout << "run " << run.tag() << ", started " << run.created << ", " << config.budget << " s on "
              << run.device << ", corpus " << config.corpus << "; "
              << (holder ? "running (pid " + std::to_string(*holder) + ")" : std::string("not running"))
              << "\n";
    if (experiments.empty()) {
        std::cout << "no experiment is finished yet\n";
    } else {
        std::cout << "\n"
                  << result_table(experiments, output_style(STDOUT_FILENO).color)
                  << summary_text(summary_of_verdicts(run, experiments));
    }
    if (!holder) std::cout << "go on with: autoresearch run --tag " << run.tag() << "\n";
    return 0;
}

}  // namespace

void add_status_command(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("status", "where a run stands");
    const auto tag = add_tag_flag(*command);
    const auto json = add_json_flag(*command);
    command->callback([=, &exit_code] { exit_code = status(*tag, *json); });
}

}  // namespace autoresearch
