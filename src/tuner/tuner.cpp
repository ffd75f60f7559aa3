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

struct Record {
    std::string parent;
    std::string commit;
    bool kept = false;
    Values values;
};

/// By number. An experiment without a result, or without a source with a hyperparameter block, is left out.
std::map<int, Record> read_records(const fs::path& experiments, const std::string& device) {
    std::map<int, Record> records;
    std::error_code none;  // no folder, no history
    for (const auto& entry : fs::directory_iterator(experiments, none)) {
        const auto result = try_read_file(entry.path() / "result.json");
        const auto source = try_read_file(entry.path() / "train.cpp");
        const auto parameters = source ? find_hyperparameters(*source, device) : std::nullopt;
        if (!result || !parameters) continue;
        try {
            const auto json = nlohmann::json::parse(*result);
            records[json.at("number")] = {json.at("parent"), json.at("commit"),
                                          json.at("verdict").at("decision") == "keep",
                                          values_of(*parameters)};
        } catch (const nlohmann::json::exception& error) {
            std::cerr << "tuner: " << entry.path().string() << " is left out: " << error.what() << "\n";
        }
    }
    return records;
}

std::vector<Attempt> read_history(const fs::path& experiments, const std::string& device) {
    std::vector<Attempt> history;
    std::map<std::string, Values> by_commit;
    for (const auto& [number, record] : read_records(experiments, device)) {
        const auto parent = by_commit.find(record.parent);
        history.push_back(
            {parent == by_commit.end() ? Values{} : parent->second, record.values, record.kept});
        by_commit[record.commit] = record.values;
    }
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
