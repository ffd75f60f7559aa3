#include "tuner/tuner.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "contract/run_files.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {

namespace fs = std::filesystem;

namespace {

constexpr const char* kBegin = "// --- hyperparameters";
constexpr const char* kEnd = "// --- end of hyperparameters";
constexpr std::size_t kLongestLine = 1000;  // std::regex uses stack for every character

/// Groups: type, name, the three cells of a PerDevice, the number of a plain constant.
const std::regex& declaration() {
    static const std::string number = R"(\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*)";
    static const std::regex pattern(
        R"(\s*(?:static |inline )?constexpr (?:PerDevice<)?(?:std::)?(double|int|long|int64_t|size_t)>? (\w+) ?= ?)"
        R"((?:\{)" +
        number + "," + number + "," + number + R"(\}|)" + number + ");.*");
    return pattern;
}

/// Null where there is none.
const nlohmann::json& member(const nlohmann::json& object, const char* key) {
    static const nlohmann::json kNone;
    const auto found = object.is_object() ? object.find(key) : object.end();
    return object.is_object() && found != object.end() ? *found : kNone;
}

/// Empty where there is none.
std::string text_at(const nlohmann::json& object, const char* key) {
    const nlohmann::json& found = member(object, key);
    return found.is_string() ? found.get<std::string>() : "";
}

/// 0 where there is none.
double number_at(const nlohmann::json& object, const char* key) {
    const nlohmann::json& found = member(object, key);
    return found.is_number() ? found.get<double>() : 0;
}

struct Desk {
    std::vector<Attempt> history;
    Budget budget;
};

/// What result.json of an experiment says.
void read_result(const nlohmann::json& result, Attempt& attempt, Budget& budget) {
    const nlohmann::json &verdict = member(result, "verdict"), &evidence = member(verdict, "evidence"),
                         &trials = member(result, "trials");
    attempt.kept = text_at(verdict, "decision") == "keep";
    attempt.difference = number_at(evidence, "difference");
    if (const double noise = number_at(member(evidence, "noise"), "sd"); noise > 0) budget.noise = noise;
    if (!trials.is_array() || trials.empty()) return;
    attempt.val_bpb = number_at(trials[0], "val_bpb");
    if (attempt.kept) budget.steps = number_at(trials[0], "num_steps");
}

/// Ordered by number. Skips experiments without a result, or whose source has no hyperparameter block.
Desk read_desk(const fs::path& experiments, const std::string& device) {
    Desk desk;
    std::map<std::string, Values> by_commit;
    std::set<fs::path> folders;  // 0000, 0001, ...: a parent comes before its children
    std::error_code none;        // no folder, no history
    for (const auto& entry : fs::directory_iterator(experiments, none)) folders.insert(entry.path());
    for (const auto& folder : folders) {
        const auto result =
            nlohmann::json::parse(try_read_file(run_files::result(folder)).value_or(""), nullptr, false);
        const Values values =
            values_of(find_hyperparameters(try_read_file(run_files::source(folder)).value_or(""), device));
        if (!result.is_object() || !result.contains("verdict") || values.empty()) continue;
        const std::string ran_on = text_at(result, "ran_on");  // "parent" before
        Attempt& attempt = desk.history.emplace_back();
        attempt.before = by_commit[ran_on.empty() ? text_at(result, "parent") : ran_on];
        attempt.after = values;
        read_result(result, attempt, desk.budget);
        by_commit[text_at(result, "commit")] = values;
    }
    return desk;
}

int fail(const std::string& why) {
    std::cerr << "tuner: " << why << "\n";
    return 1;
}

}  // namespace

std::vector<Hyperparameter> find_hyperparameters(const std::string& source, const std::string& device) {
    static const std::map<std::string, std::size_t> columns = {{"mps", 3}, {"cuda", 4}, {"cpu", 5}};
    const std::size_t begin = std::min(source.find(kBegin), source.size());
    const std::size_t end = source.find(kEnd, begin);
    std::vector<Hyperparameter> parameters;
    for (std::size_t at = begin; end != std::string::npos && at < end;) {
        const std::size_t line_end = std::min(source.find('\n', at), end);
        std::cmatch match;
        if (line_end - at < kLongestLine &&
            std::regex_match(source.data() + at, source.data() + line_end, match, declaration())) {
            const auto group = match[6].matched ? 6 : columns.at(device);
            parameters.push_back({match[2], match[1] != "double",
                                  std::strtod(match[group].str().c_str(), nullptr),
                                  at + static_cast<std::size_t>(match.position(group)),
                                  static_cast<std::size_t>(match.length(group))});
        }
        at = line_end + 1;
    }
    return parameters;
}

std::string number_text(const Hyperparameter& parameter, double value) {
    if (parameter.integer) return std::to_string(std::llround(value));
    const std::string text = fmt::format("{:.4g}", value);
    // A whole value must still look like a double.
    return text + (text.find_first_of(".e") == std::string::npos ? ".0" : "");
}

Values values_of(const std::vector<Hyperparameter>& parameters) {
    Values values;
    for (const auto& parameter : parameters) values[parameter.name] = parameter.value;
    return values;
}

Values values_after(const Step& step, const std::vector<Hyperparameter>& current) {
    Values values = values_of(current);
    for (const Move& move : step.moves) values[move.parameter.name] = move.to;
    return values;
}

bool was_tried(const Step& step, const std::vector<Hyperparameter>& current,
               const std::vector<Attempt>& history) {
    const Values after = values_after(step, current);
    return std::any_of(history.begin(), history.end(),
                       [&](const Attempt& attempt) { return attempt.after == after; });
}

std::string describe(const Step& step) {
    std::string text;
    for (const auto& [parameter, to] : step.moves) {
        text += fmt::format("{}{} {} {} -> {}", text.empty() ? "" : ", ",
                            to > parameter.value ? "raise" : "lower", parameter.name,
                            number_text(parameter, parameter.value), number_text(parameter, to));
    }
    return text + " (" + step.why + ")";
}

std::string with_moves(std::string source, std::vector<Move> moves) {
    // Replace from the end of the file, so that the other positions stay valid.
    std::sort(moves.begin(), moves.end(),
              [](const Move& a, const Move& b) { return a.parameter.begin > b.parameter.begin; });
    for (const auto& [parameter, to] : moves)
        source.replace(parameter.begin, parameter.length, number_text(parameter, to));
    return source;
}

int run_tuner(const fs::path& desk, const std::string& device, std::uint64_t seed) {
    const auto file = desk / "train" / "train.cpp";
    const std::string source = read_file(file);
    const auto parameters = find_hyperparameters(source, device);
    if (parameters.empty())
        return fail(
            fmt::format("{} has no plain numbers between '{}' and '{}'", file.string(), kBegin, kEnd));
    const Desk seen = read_desk(desk / "experiments", device);
    const auto step = next_step(parameters, seen.history, seen.budget, seed);
    if (!step) return fail("every step from here has been tried: this needs a new idea, not another number");
    write_file(file, with_moves(source, step->moves));
    write_file(desk / "idea.txt", describe(*step) + "\n");
    std::cout << describe(*step) << "\n";
    return 0;
}

}  // namespace autoresearch
