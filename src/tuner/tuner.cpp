#include "tuner/tuner.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tuner/search.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {

namespace fs = std::filesystem;

namespace {

/// By number. An experiment without a result, or without a source with a hyperparameter block, is left out.
std::vector<Attempt> read_history(const fs::path& experiments, const std::string& device) {
    std::map<int, Attempt> attempts;
    std::map<std::string, Values> by_commit;
    std::vector<fs::path> folders;
    std::error_code none;  // no folder, no history
    for (const auto& entry : fs::directory_iterator(experiments, none)) folders.push_back(entry.path());
    std::sort(folders.begin(), folders.end());  // 0000, 0001, ...: a parent comes before its children
    for (const auto& folder : folders) {
        const auto result = try_read_file(folder / "result.json");
        const auto source = try_read_file(folder / "train.cpp");
        const auto parameters = source ? find_hyperparameters(*source, device) : std::nullopt;
        if (!result || !parameters) continue;
        try {
            const auto json = nlohmann::json::parse(*result);
            const bool kept = json.at("verdict").at("decision") == "keep";
            const Values values = values_of(*parameters);
            attempts[json.at("number")] = {by_commit[json.at("parent")], values, kept};
            by_commit[json.at("commit")] = values;
        } catch (const nlohmann::json::exception& error) {
            std::cerr << "tuner: " << folder.string() << " is left out: " << error.what() << "\n";
        }
    }
    std::vector<Attempt> history;
    history.reserve(attempts.size());
    for (auto& [number, attempt] : attempts) history.push_back(std::move(attempt));
    return history;
}

int fail(const std::string& why) {
    std::cerr << "tuner: " << why << "\n";
    return 1;
}

}  // namespace

int run_tuner(const TunerOptions& options) {
    const auto file = options.desk / "train" / "train.cpp";
    auto source = read_file(file);
    const auto parameters = find_hyperparameters(source, options.device);
    if (!parameters)
        return fail(file.string() +
                    " has no block from '// --- hyperparameters' to '// --- end of hyperparameters'");
    if (parameters->empty())
        return fail("the hyperparameters of " + file.string() + " hold no plain numbers");

    const auto history = read_history(options.desk / "experiments", options.device);
    auto step = next_step(*parameters, history, options.seed);
    if (!step) return fail("every step from here was tried: a new idea is needed, not another number");

    const auto idea = describe(*step);
    // From the end of the file on, so that the places of the others stay right.
    std::sort(step->moves.begin(), step->moves.end(),
              [](const Move& a, const Move& b) { return a.parameter.begin > b.parameter.begin; });
    for (const auto& move : step->moves) source = with_value(source, move.parameter, move.to);
    write_file_atomically(file, source);
    write_file_atomically(options.desk / "idea.txt", idea + "\n");
    std::cout << idea << "\n";
    return 0;
}

}  // namespace autoresearch
