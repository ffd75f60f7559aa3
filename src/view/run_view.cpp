#include "view/run_view.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "contract/experiment_json.h"
#include "contract/run_files.h"
#include "util/json.h"
#include "util/text.h"
#include "view/result_table.h"

namespace autoresearch {

using nlohmann::ordered_json;

namespace {

/// The gain of each seed; nothing for a file that does not have it.
std::vector<double> gains_of(const ordered_json& number) {
    std::vector<double> gains;
    const ordered_json before = number.value("baseline", ordered_json()),
                       after = number.value("best", ordered_json());
    if (!before.is_array() || !after.is_array() || before.size() != after.size()) return {};
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (!before[i].is_number() || !after[i].is_number()) return {};
        gains.push_back(before[i].get<double>() - after[i].get<double>());
    }
    return gains;
}

/// How sure a final number is. The interval of two seeds says nothing: their gains say more.
std::string certainty(const ordered_json& number) {
    const std::vector<double> gains = gains_of(number);
    if (gains.size() == 2) return fmt::format("{:.5f} and {:.5f} with two fresh seeds", gains[0], gains[1]);
    return fmt::format("95 % interval of the gain {:.5f} to {:.5f}, {} fresh seeds",
                       number["low"].get<double>(), number["high"].get<double>(), number["seeds"].size());
}

}  // namespace

std::string final_number_text(const ordered_json& number) {
    const double gain = number["gain"];
    return fmt::format(
        "on the test split experiment {} is {:.5f} {} than the baseline ({}); on the validation split "
        "{:.5f}: "
        "optimism {:+.5f}",
        number["experiment"].get<int>(), std::abs(gain), gain < 0 ? "worse" : "better", certainty(number),
        number["val_gain"].get<double>(), number["optimism"].get<double>());
}

namespace {

/// A damaged final.json is none.
bool is_final_number(const ordered_json& number) {
    const auto known = [&](const char* name) { return number.contains(name) && number[name].is_number(); };
    return number.is_object() && number.contains("seeds") && known("experiment") && known("gain") &&
           known("low") && known("high") && known("val_gain") && known("optimism");
}

/// Summarises the verdicts: {"noise", "degrees", "void_trials", "ended_early", "saved_seconds", "unboxed"}.
ordered_json verdicts_of(const std::vector<Experiment>& experiments, const Noise& noise) {
    int disturbed = 0, early = 0, whole = 0, unboxed = 0;
    double early_seconds = 0, whole_seconds = 0;
    for (const Experiment& experiment : experiments) {
        unboxed += experiment.box == BoxKind::none ? 1 : 0;
        for (const auto* trials : {&experiment.trials, &experiment.reference_trials}) {
            for (const Trial& trial : *trials) {
                disturbed += trial.void_because.empty() ? 0 : 1;
                if (trial.counts()) ++whole, whole_seconds += trial.wall_seconds;
                if (trial.ending == Ending::ended_early) ++early, early_seconds += trial.wall_seconds;
            }
        }
    }
    const double saved = whole == 0 ? 0 : early * whole_seconds / whole - early_seconds;
    return {{"noise", noise.sd},    {"degrees", noise.degrees}, {"void_trials", disturbed},
            {"ended_early", early}, {"saved_seconds", saved},   {"unboxed", unboxed}};
}

/// With the final number of the best one, where it was measured: "final".
ordered_json verdicts(const RunView& view) {
    ordered_json summary = view.summary.facts.at("verdicts");
    const auto text = try_read_file(run_files::final_number(view.run.directory));
    auto number = try_parse_json<ordered_json>(text.value_or(""));
    const bool of_best = is_final_number(number) && number["experiment"] == view.summary.facts.at("best");
    summary["final"] = of_best ? std::move(number) : ordered_json();
    return summary;
}

/// The same in a few lines for a person.
std::string verdicts_text(const ordered_json& summary) {
    std::string text;
    if (summary["degrees"] > 0) {
        text += fmt::format("noise between seeds: {:.5f} val_bpb ({} degrees of freedom)\n",
                            summary["noise"].get<double>(), summary["degrees"].get<int>());
    }
    if (summary["void_trials"] > 0)
        text += fmt::format("void trials, disturbed by the machine: {}\n", summary["void_trials"].get<int>());
    if (summary["ended_early"] > 0) {
        text += fmt::format("trials ended early: {}, {:.0f} s saved\n", summary["ended_early"].get<int>(),
                            summary["saved_seconds"].get<double>());
    }
    if (summary["unboxed"] > 0)
        text += fmt::format("experiments without walls (--no-box): {}\n", summary["unboxed"].get<int>());
    if (!summary["final"].is_null()) text += final_number_text(summary["final"]) + "\n";
    return text;
}

}  // namespace

std::string now_text(const std::filesystem::path& run_directory) {
    const auto now = try_parse_json(try_read_file(run_files::now(run_directory)).value_or(""));
    if (!now.is_object()) return "";
    const auto text = [&](const char* name) {
        const auto found = now.find(name);
        return found != now.end() && found->is_string() ? clean_line(found->get<std::string>())
                                                        : std::string();
    };
    std::string line = text("stage");
    if (const auto share = now.find("share"); share != now.end() && share->is_number())
        line += fmt::format("  {:.0f} %", 100 * share->get<double>());
    return text("detail").empty() ? line : line + "  " + text("detail");
}

SummaryRules summary_rules(const std::function<Noise(const std::vector<Experiment>&)>& noise) {
    const auto row = [](const Experiment& experiment) { return experiment_line(experiment, false); };
    return {row, [noise](const std::vector<Experiment>& experiments) -> ordered_json {
                const Experiment* best = incumbent_of(experiments);
                return {{"best", best == nullptr ? -1 : best->number},
                        {"sums", result_sums(experiments)},
                        {"verdicts", verdicts_of(experiments, noise(experiments))}};
            }};
}

/// The flags that a run was started with.
static std::string flags_of(const RunInfo& run) {
    std::string flags;
    for (const auto& key : setting_keys()) {
        const auto origin = run.config.origins.find(key.name);
        if (key.name == "tag" || origin == run.config.origins.end() || origin->second != key.flag()) continue;
        const auto value = key.get(run.config.values);
        const bool off = key.is_switch() && !value.get<bool>();
        flags += off ? " --no-" + key.flag().substr(2) : " " + key.flag();
        if (value.is_string()) flags += " " + shell_quote(value.get<std::string>());
        if (value.is_number()) flags += " " + value.dump();
    }
    return flags;
}

/// One that does more: a bound that is reached would end it at once. Without a baseline a run starts over,
/// and needs its flags again.
static std::string command_to_continue(const RunView& view) {
    if (view.summary.rows.empty()) return "autoresearch run --tag " + view.run.tag() + flags_of(view.run);
    const int bound = view.run.config.values.experiments;
    const auto done = std::count(view.summary.rows.begin(), view.summary.rows.end(), '\n') - 1;
    const bool reached = bound > 0 && done >= bound;
    return "autoresearch run --tag " + view.run.tag() +
           (reached ? fmt::format(" --experiments {}", 2 * done) : "");
}

std::string run_text(const RunView& view, bool color) {
    const RunInfo& run = view.run;
    const Settings& config = run.config.values;
    const ordered_json& facts = view.summary.facts;
    const std::string state =
        view.holder ? fmt::format("{} (pid {} on {})", view.holder->is_paused() ? "paused" : "running",
                                  view.holder->pid, view.holder->host)
                    : std::string("not running");
    const std::string doing = view.holder ? now_text(run.directory) : "";
    return fmt::format("run {}, started {}, {} on {}, corpus {}; {}\n\n", run.tag(), run.created,
                       budget_text(config), run.device, config.corpus, state) +
           result_table(view.summary.rows, facts.at("best"), facts.at("sums"), color) +
           verdicts_text(verdicts(view)) +
           fmt::format("kept: git log {}; everything: {}\n", view.branch, run.directory.string()) +
           (view.holder ? "" : "to continue: " + command_to_continue(view) + "\n") +
           (doing.empty() ? "" : "now: " + doing + "\n");
}

ordered_json run_json(const RunView& view, const std::vector<Experiment>& experiments) {
    const RunInfo& run = view.run;
    auto all = ordered_json::array();
    for (const auto& experiment : experiments) all.emplace_back(to_json(experiment));
    return {{"tag", run.tag()},
            {"running", view.holder.has_value()},
            {"pid", view.holder ? view.holder->pid : 0},
            {"device", run.device},
            {"machine", run.machine},
            {"data", run.data},
            {"config", to_json(run.config)},
            {"verdicts", verdicts(view)},
            {"experiments", all}};
}

std::string opening_line(const RunInfo& run, bool goes_on) {
    const Settings& config = run.config.values;
    const std::set<std::string> kinds = {"experiments", "hours", "until", "max_cost", "max_tokens"};
    std::string bounds;
    for (const auto& key : setting_keys()) {
        const auto now = key.get(config);
        if (kinds.count(key.name) > 0 && now != key.get(Settings{}))
            bounds += fmt::format(", {} {}", key.name, now.dump());
    }
    return fmt::format(
        "{}run {}: {} a trial on {}, corpus {}{}; Ctrl-C stops after this experiment, twice stops now",
        goes_on ? "resuming " : "", config.tag, budget_text(config), run.device, config.corpus,
        bounds.empty() ? ", until stopped" : bounds);
}

std::string walls_line(BoxKind box) {
    return box == BoxKind::none ? "no walls (--no-box): candidates run with all of your rights"
                                : "walls around candidate, build and agent: " + std::string(to_string(box));
}

}  // namespace autoresearch
