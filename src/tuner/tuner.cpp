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
    int number = 0;
    std::string parent;
    std::string commit;
    Attempt attempt;
};

/// Nothing for an experiment that left no result or no source with a hyperparameter block.
std::optional<Record> read_record(const fs::path& folder, const std::string& device) {
    const auto result = try_read_file(folder / "result.json");
    const auto source = try_read_file(folder / "train.cpp");
    if (!result || !source) return std::nullopt;
    const auto parameters = find_hyperparameters(*source, device);
    if (!parameters) return std::nullopt;
    try {
        const auto json = nlohmann::json::parse(*result);
        Record record;
        record.number = json.at("number").get<int>();
        record.parent = json.at("parent").get<std::string>();
        record.commit = json.at("commit").get<std::string>();
        record.attempt.kept = json.at("verdict").at("decision") == "keep";
        record.attempt.after = values_of(*parameters);
        return record;
    } catch (const nlohmann::json::exception& error) {
        std::cerr << "tuner: " << (folder / "result.json").string() << " is left out: " << error.what()
                  << "\n";
        return std::nullopt;
    }
}

std::vector<Attempt> read_history(const fs::path& experiments, const std::string& device) {
    std::vector<Record> records;
    std::error_code none;  // no folder, no history
    for (const auto& entry : fs::directory_iterator(experiments, none)) {
        if (auto record = read_record(entry.path(), device)) records.push_back(*std::move(record));
    }
    std::sort(records.begin(), records.end(),
              [](const Record& a, const Record& b) { return a.number < b.number; });

    std::vector<Attempt> history;
    std::map<std::string, Values> by_commit;
    for (auto& record : records) {
        const auto parent = by_commit.find(record.parent);
        if (parent != by_commit.end()) record.attempt.before = parent->second;
        by_commit[record.commit] = record.attempt.after;
        history.push_back(std::move(record.attempt));
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
