#include "vcs/run_repo.h"

#include <spdlog/fmt/fmt.h>

#include <ctime>
#include <stdexcept>

#include "util/secrets.h"
#include "util/text.h"

namespace autoresearch {

namespace {

constexpr std::size_t kLineWidth = 72;

/// Converts 2026-01-31T22:10:05Z to seconds since 1970.
std::int64_t unix_time(const std::string& utc) {
    std::tm parts{};
    const char* end = ::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (end == nullptr || *end != '\0') throw std::invalid_argument("not a time in UTC: '" + utc + "'");
    return ::timegm(&parts);
}

}  // namespace

std::string commit_message(const Experiment& experiment, const RunFacts& facts) {
    std::string idea = clean_line(experiment.idea, 4000);
    if (idea.empty()) idea = "experiment " + std::to_string(experiment.number);
    std::string text = clip(idea, kLineWidth) + "\n\n";
    if (idea.size() > kLineWidth) text += idea + "\n\n";

    const auto trailer = [&](const char* key, const std::string& value) {
        if (!value.empty()) text += std::string(key) + ": " + value + "\n";
    };
    std::string seeds;
    for (const Trial& trial : experiment.trials)
        seeds += (seeds.empty() ? "" : " ") + std::to_string(trial.seed);
    std::string verdict(to_string(experiment.verdict.decision));
    if (experiment.verdict.decision == Decision::crash)
        verdict += " (" + std::string(to_string(experiment.verdict.ending)) + ")";
    const AgentReport& agent = experiment.agent;

    if (experiment.val_bpb() > 0) trailer("Val-Bpb", fmt::format("{:.6f}", experiment.val_bpb()));
    trailer("Experiment", std::to_string(experiment.number));
    trailer("Seed", seeds);
    trailer("Budget", facts.budget);
    trailer("Data", facts.data);
    trailer("Device", facts.device);
    trailer("Verdict", verdict);
    trailer("Agent", clean_line(agent.model.empty() ? agent.name : agent.name + " (" + agent.model + ")"));
    return text;
}

std::string RunRepo::commit(const Experiment& experiment, const std::string& source) {
    const std::string message = Secrets::here().clean(commit_message(experiment, facts_));
    const auto commit = git_.write_commit(experiment.ran_on, source, message, unix_time(experiment.started));
    git_.set_ref(experiment_ref(facts_.tag, experiment.number), commit, "autoresearch: experiment");
    return commit;
}

void RunRepo::advance(const std::string& commit) {
    git_.set_ref("refs/heads/" + run_branch(facts_.tag), commit, "autoresearch: kept");
}

}  // namespace autoresearch
