#include "settings/table.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::json;

constexpr double kDay = 86400;
constexpr double kMaxInt = std::numeric_limits<int>::max();

// A new setting is a member with its default in contract/settings.h and a row here: flag, variable, JSON key,
// checks, run.json and --help follow from the row.
std::vector<SettingKey> table() {
    constexpr auto data = SettingKey::data, frozen = SettingKey::frozen, free = SettingKey::free;
    return {
        {"preset", &Settings::preset, frozen, "settings to start from: a file in configs/"},
        {"corpus", &Settings::corpus, data, "text to train on: a known name, a file or a folder"},
        {"vocab_size", &Settings::vocab_size, data, "token ids, including the 4 specials", 261, 1 << 20},
        {"seq_len", &Settings::seq_len, data, "tokens of context", 8, 1 << 20},
        {"eval_tokens", &Settings::eval_tokens, data, "validation tokens per evaluation", 1, 1e12},
        {"text_column", &Settings::text_column, data,
         "column or field with the text, for parquet and jsonl; default: text"},
        {"separator", &Settings::separator, data,
         "text between the documents of a text file; \\n for a line end; default: none"},
        {"shards", &Settings::shards, data, "training files to fetch from a corpus of numbered files", 1,
         1e6},
        {"split_pattern", &Settings::split_pattern, data,
         "pattern that splits text before bytes are merged; default: the originals'"},
        {"device", &Settings::device, frozen, "auto, cpu, mps or cuda", 0, 0, {"auto", "cpu", "mps", "cuda"}},
        {"threads", &Settings::threads, frozen, "CPU threads; 0: all", 0, 4096},
        {"budget", &Settings::budget, frozen, "training seconds per trial", 0.1, 30 * kDay},
        {"clock", &Settings::clock, frozen,
         "what the budget counts: cpu (CPU seconds per thread, on the CPU only), wall, or auto (cpu where it "
         "can)"},
        {"seed", &Settings::seed, frozen, "seed of the trials", 0, 9007199254740992},
        {"build_limit", &Settings::build_limit, free, "seconds a build may take", 1, kDay},
        {"startup_limit", &Settings::startup_limit, free, "seconds to the end of the first step", 1, kDay},
        {"grace", &Settings::grace, free, "seconds beyond the budget before the watchdog ends a trial", 0.1,
         kDay},
        {"eval_limit", &Settings::eval_limit, free, "seconds the evaluation may take", 1, kDay},
        {"memory_limit", &Settings::memory_limit, free,
         "GB the agent, the build or a trial may use; 0: most of the machine's", 0, 1e6},
        {"box", &Settings::box, free,
         "walls around candidate, build and agent: auto (the best that holds), bubblewrap, landlock, "
         "seatbelt, none"},
        {"judge", &Settings::judge, free,
         "what counts as a gain: paired (more seeds until it is sure), or plain (one trial, lower is kept)"},
        {"confidence", &Settings::confidence, free,
         "one minus the chance that a change without effect is kept", 0.5, 0.9999},
        {"baseline_seeds", &Settings::baseline_seeds, free,
         "trials of the baseline, for the noise, before the first keep", 2, 100},
        {"max_seeds", &Settings::max_seeds, free, "most trials for one candidate", 2, 100},
        {"memory_factor", &Settings::memory_factor, free,
         "using more than this times the incumbent's memory needs a larger gain", 1, 1e6},
        {"early_end", &Settings::early_end, free, "end a trial that is sure to lose"},
        {"repeats", &Settings::repeats, free, "retries of a disturbed trial; 0: count it anyway", 0, 100},
        {"confirm_seeds", &Settings::confirm_seeds, free,
         "seeds for the final number when a run reaches its limit; 0: none", 0, 100},
        {"agent", &Settings::agent, free, "coding agent: a name in configs/agents.json, or a command"},
        {"model", &Settings::model, free, "model name passed to the agent"},
        {"agent_limit", &Settings::agent_limit, free, "seconds the agent may take for one proposal", 1, kDay},
        {"agent_args", &Settings::agent_args, free, "extra arguments for the agent, parsed as a shell would"},
        {"agent_keys", &Settings::agent_keys, free,
         "environment variables the agent may see, with commas between, besides those of its entry"},
        {"agent_write", &Settings::agent_write, free,
         "folders the agent may write to, with commas between, besides its desk and its own state"},
        {"repairs", &Settings::repairs, free, "times an unusable edit goes back to the agent", 0, 100},
        {"token_price", &Settings::token_price, free,
         "USD per million tokens, for an agent that reports no cost", 0, 1e6},
        {"tag", &Settings::tag, frozen, "name of the run; default: tonight's, named after the day (nov22)"},
        {"experiments", &Settings::experiments, free,
         "stop after this many, not counting the baseline; 0: never", 0, kMaxInt},
        {"hours", &Settings::hours, free, "stop after this many hours; 0: never", 0, 24 * 365},
        {"until", &Settings::until, free, "stop at this time of day, such as 07:30"},
        {"max_cost", &Settings::max_cost, free, "stop when the agent has cost this many USD in all; 0: never",
         0, 1e9},
        {"max_tokens", &Settings::max_tokens, free,
         "stop when the agent has used this many tokens in all; 0: never", 0, 1e15},
        {"max_failures", &Settings::max_failures, free,
         "unusable agent answers in a row before the run ends; 0: never", 0, kMaxInt},
    };
}

template <class Type>
bool fits(const SettingKey& key, const json& value) {
    if constexpr (std::is_same_v<Type, bool>) {
        return value.is_boolean();
    } else if constexpr (std::is_arithmetic_v<Type>) {
        const bool right_type =
            std::is_floating_point_v<Type> ? value.is_number() : value.is_number_integer();
        return right_type && value >= key.min && value <= key.max;
    } else {
        const auto is_value = [&](std::string_view choice) { return value == choice; };
        return value.is_string() &&
               to_valid_utf8(value.get<std::string>()) ==
                   value.get<std::string>() &&  // run.json takes no other
               (key.choices.empty() || std::any_of(key.choices.begin(), key.choices.end(), is_value));
    }
}

}  // namespace

json SettingKey::get(const Settings& settings) const {
    const auto read = [&]<class Type>(Type Settings::* place) -> json {
        if constexpr (std::is_enum_v<Type>) return to_string(settings.*place);
        return settings.*place;
    };
    return std::visit(read, member);
}

void SettingKey::set(Settings& settings, const json& value) const {
    const auto write = [&]<class Type>(Type Settings::* place) {
        if constexpr (std::is_enum_v<Type>) {
            settings.*place = from_string<Type>(value.get<std::string>());
        } else {
            settings.*place = value.get<Type>();
        }
    };
    std::visit(write, member);
}

std::string SettingKey::wanted(const json& value) const {
    const auto check = [&]<class Type>(Type Settings::*) -> std::string {
        if (fits<Type>(*this, value)) return "";
        if (is_switch()) return "true or false";
        if (!choices.empty()) return fmt::format("one of {}", fmt::join(choices, ", "));
        if (is_text()) return "text in UTF-8";
        return fmt::format("{} from {} to {}", std::is_floating_point_v<Type> ? "a number" : "a whole number",
                           min, max);
    };
    return std::visit(check, member);
}

bool SettingKey::is_switch() const {
    return std::holds_alternative<bool Settings::*>(member);
}

bool SettingKey::is_duration() const {
    return std::holds_alternative<double Settings::*>(member) && help.find("seconds") != std::string::npos;
}

bool SettingKey::is_text() const {
    return std::visit([]<class Type>(Type Settings::*) { return !std::is_arithmetic_v<Type>; }, member);
}

std::string SettingKey::flag() const {
    return flag_name(name);
}

const std::vector<SettingKey>& setting_keys() {
    static const std::vector<SettingKey> kKeys = [] {
        auto keys = table();
        for (auto& key : keys) {
            const auto name_choices = [&]<class Type>(Type Settings::*) {
                if constexpr (std::is_enum_v<Type>)
                    key.choices.assign(kNames<Type>.begin(), kNames<Type>.end());
            };
            std::visit(name_choices, key.member);
        }
        return keys;
    }();
    return kKeys;
}

const OldName* old_name(const std::string& name) {
    const auto* const found = std::find_if(std::begin(kOldNames), std::end(kOldNames),
                                           [&](const OldName& old) { return name == old.name; });
    return found == std::end(kOldNames) ? nullptr : found;
}

std::string flag_name(const std::string& key) {
    return "--" + replace_all(key, "_", "-");
}

std::string value_text(const json& value) {
    return value.is_number() ? fmt::format("{}", value.get<double>())
                             : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string budget_text(const Settings& settings) {
    return fmt::format("{:.10g} s{}", settings.budget, settings.counts_cpu_time() ? " cpu" : "");
}

}  // namespace autoresearch
