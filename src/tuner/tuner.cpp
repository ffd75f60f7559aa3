#include "tuner/tuner.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <tuple>

#include "contract/run_files.h"
#include "util/atomic_file.h"
#include "util/hash.h"
#include "util/text.h"

namespace autoresearch {

namespace fs = std::filesystem;

namespace {

constexpr const char* kBegin = "// --- hyperparameters";
constexpr const char* kEnd = "// --- end of hyperparameters";
constexpr std::size_t kLongestLine = 1000;  // std::regex uses stack for every character

constexpr double kFirstFactor = 1.75;  // of the first step; each shorter level takes its square root
constexpr int kLevels = 6;             // the last is 1.75 ^ (1/32); below that every difference is noise
constexpr double kSame = 0.005;        // relative difference that is only rounding
constexpr const char* kTotalBatch = "TOTAL_BATCH_SIZE";
constexpr const char* kDeviceBatch = "DEVICE_BATCH_SIZE";

/// Groups: type, name, the three cells of a PerDevice, the number of a plain constant.
const std::regex& declaration() {
    static const std::string number = R"(\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*)";
    static const std::regex pattern(
        R"(\s*(?:static |inline )?constexpr (?:PerDevice<)?(?:std::)?(double|int|long|int64_t|size_t)>? (\w+) ?= ?)"
        R"((?:\{)" +
        number + "," + number + "," + number + R"(\}|)" + number + ");.*");
    return pattern;
}

enum class Kind {
    fixed,   // kernels support only a few values
    count,   // one more or one less
    whole,   // a power of two stays one
    share,   // meaningful only in [0, 1]
    number,  // moves by factors
};

Kind kind_of(const Hyperparameter& parameter) {
    static const std::pair<const char*, Kind> kNames[] = {
        {"HEAD_DIM", Kind::fixed}, {"DEPTH", Kind::count},  {"LAYER", Kind::count},
        {"RATIO", Kind::share},    {"FRAC", Kind::share},   {"BETA", Kind::share},
        {"MOMENTUM", Kind::share}, {"DROPOUT", Kind::share}};
    for (const auto& [part, kind] : kNames) {
        if (parameter.name.find(part) == std::string::npos) continue;
        const bool fits = kind == Kind::share
                              ? !parameter.integer && parameter.value >= 0 && parameter.value <= 1
                              : parameter.integer;
        if (fits) return kind;
    }
    if (!parameter.integer) return Kind::number;
    return parameter.value < 2 ? Kind::count : Kind::whole;
}

/// The value one step away, rounded as it will be written; nothing if there is no such step.
std::optional<double> stepped(const Hyperparameter& parameter, bool up, int level) {
    const Kind kind = kind_of(parameter);
    const double value = parameter.value, size = std::pow(0.5, level);
    const double factor = std::pow(kFirstFactor, up ? size : -size);
    double next = value * factor;
    if (kind == Kind::fixed) return std::nullopt;
    if (kind == Kind::count) next = value + (up ? 1 : -1);
    if (kind == Kind::whole) {
        const double whole_factor = std::exp2(std::round(std::log2(value))) == value ? 2 : 1.5;
        next = std::round(up ? value * whole_factor : value / whole_factor);
    }
    if (kind == Kind::share) {
        const double odds = std::min(value, 0.95) / (1 - std::min(value, 0.95)) * factor;
        next = odds / (1 + odds);
    }
    if (value == 0 && !parameter.integer) next = (kind == Kind::share ? 0.05 : 0.01) * size;
    const double written = std::strtod(number_text(parameter, next).c_str(), nullptr);
    const bool possible = parameter.integer ? written >= 1 : kind != Kind::share || written < 1;
    if (!possible || written == value || (written > value) != up) return std::nullopt;
    return written;
}

/// What earlier experiments say about one constant.
struct Trend {
    bool up = true;  // which way to go first
    bool tried = false;
    bool helped = false;  // the last time
    std::vector<double> used;

    bool has_used(double value) const {
        return std::any_of(used.begin(), used.end(),
                           [&](double other) { return std::abs(value - other) <= kSame * std::abs(other); });
    }
};

Trend trend_of(const std::string& name, bool first_way, const std::vector<Attempt>& history) {
    Trend trend;
    trend.up = first_way;
    for (const Attempt& attempt : history) {
        const auto value = [&](const Values& values, const char* of) {
            const auto found = values.find(of);
            return found == values.end() ? 0 : found->second;
        };
        const double before = value(attempt.before, name.c_str()), after = value(attempt.after, name.c_str());
        // The device batch follows the total (see couple()); such a change says something about the total
        // only.
        const bool follows =
            name == kDeviceBatch && value(attempt.before, kTotalBatch) != value(attempt.after, kTotalBatch);
        if (attempt.before.empty() || before == after || follows) continue;
        if (attempt.kept) trend.up = after > before;
        trend.helped = attempt.kept;
        trend.tried = true;
        trend.used.insert(trend.used.end(), {before, after});
    }
    return trend;
}

/// A smaller total batch has no effect while one pass is as large as before.
void couple(Step& step, const std::vector<Hyperparameter>& current) {
    const Move& first = step.moves.front();
    if (first.parameter.name != kTotalBatch || first.to > first.parameter.value) return;
    for (const Hyperparameter& parameter : current) {
        if (parameter.name != kDeviceBatch) continue;
        if (const auto to = stepped(parameter, false, 0)) step.moves.push_back({parameter, *to});
    }
}

bool is_rate(const Hyperparameter& parameter) {
    return parameter.name.ends_with("LR");
}

/// Smallest goes first: the file's first learning rate, the batch, the other learning rates, the rest.
double rank_of(const Hyperparameter& parameter, const std::vector<Hyperparameter>& current, double coin) {
    if (parameter.name == kTotalBatch) return 1;
    if (!is_rate(parameter)) return 3 + coin;
    return std::find_if(current.begin(), current.end(), is_rate)->name == parameter.name ? 0 : 2 + coin;
}

/// Empty where there is none.
std::string text_at(const nlohmann::json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// Ordered by number. Skips experiments without a result, or whose source has no hyperparameter block.
std::vector<Attempt> read_history(const fs::path& experiments, const std::string& device) {
    std::vector<Attempt> history;
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
        history.push_back({by_commit[ran_on.empty() ? text_at(result, "parent") : ran_on], values,
                           text_at(result["verdict"], "decision") == "keep"});
        by_commit[text_at(result, "commit")] = values;
    }
    return history;
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

std::optional<Step> next_step(const std::vector<Hyperparameter>& current, const std::vector<Attempt>& history,
                              std::uint64_t seed) {
    using Order = std::tuple<bool, int, double>;  // the smallest is the next
    std::optional<std::pair<Order, Step>> best;
    for (const Hyperparameter& parameter : current) {
        const double coin = static_cast<double>(xxh64(parameter.name, seed)) / 0x1p64;
        const bool is_batch = parameter.name.find("BATCH") != std::string::npos;
        const Trend trend =
            trend_of(parameter.name, is_rate(parameter) || (!is_batch && coin < 0.5), history);
        // First a long step the preferred way, then one the other way, then shorter ones.
        for (int i = 0; i < 2 * kLevels; ++i) {
            const int level = i / 2;
            const auto to = stepped(parameter, (i % 2 == 0) == trend.up, level);
            if (!to || trend.has_used(*to)) continue;
            const Order order{!trend.helped, trend.tried ? 1 + level : 0, rank_of(parameter, current, coin)};
            if (best && best->first <= order) break;
            const char* why = !trend.tried             ? "not tried yet"
                              : trend.helped && i == 0 ? "it helped before"
                              : i % 2 == 1             ? "the other way did not help"
                              : parameter.integer      ? "again, from the new best"
                                                       : "a shorter step";
            best = {order, {{{parameter, *to}}, why}};
            couple(best->second, current);
            break;
        }
    }
    if (!best) return std::nullopt;
    return std::move(best->second);
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
    const auto step = next_step(parameters, read_history(desk / "experiments", device), seed);
    if (!step) return fail("every step from here has been tried: this needs a new idea, not another number");
    write_file(file, with_moves(source, step->moves));
    write_file(desk / "idea.txt", describe(*step) + "\n");
    std::cout << describe(*step) << "\n";
    return 0;
}

}  // namespace autoresearch
