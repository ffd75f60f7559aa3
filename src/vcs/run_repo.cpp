#include "vcs/run_repo.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <stdexcept>

#include "util/text.h"

namespace autoresearch {

namespace {

constexpr std::size_t kLineWidth = 72;

/// In UTF-8 every byte but the first of a character is 10xxxxxx.
bool starts_character(char byte) {
    return static_cast<signed char>(byte) >= -0x40;
}

std::size_t count_characters(std::string_view utf8) {
    return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), starts_character));
}

/// Takes the first line of at most `width` characters off a text of one line, at a space where there is one.
std::string take_line(std::string& text, std::size_t width) {
    std::size_t end = 0;
    std::size_t space = 0;
    std::size_t characters = 0;
    while (end < text.size()) {
        std::size_t next = end + 1;
        while (next < text.size() && !starts_character(text[next])) ++next;
        if (++characters > width) break;
        if (text[end] == ' ') space = end;
        end = next;
    }
    if (end < text.size() && text[end] != ' ' && space > 0) end = space;
    std::string line(trim(text.substr(0, end)));
    text = trim(text.substr(end));
    return line;
}

std::string subject_and_body(const std::string& idea) {
    if (count_characters(idea) <= kLineWidth) return idea + "\n";
    std::string rest = idea;
    std::string result = take_line(rest, kLineWidth - 4) + " ...\n\n";
    rest = "... " + rest;
    while (!rest.empty()) result += take_line(rest, kLineWidth) + "\n";
    return result;
}

std::string number(const char* format, double value) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

/// Seconds since 1970 of 2026-01-31T22:10:05Z.
std::int64_t unix_time(const std::string& utc) {
    std::tm parts{};
    const char* end = ::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (end == nullptr || *end != '\0') throw std::invalid_argument("not a time in UTC: '" + utc + "'");
    return ::timegm(&parts);
}

}  // namespace

std::string commit_message(const Experiment& experiment, const RunFacts& facts) {
    const std::string idea = clean_line(experiment.idea, 4000);
    std::string text =
        subject_and_body(idea.empty() ? "experiment " + std::to_string(experiment.number) : idea) + "\n";
    const auto trailer = [&](const char* key, const std::string& value) {
        if (!value.empty()) text += std::string(key) + ": " + value + "\n";
    };
    std::string seeds;
    for (const auto& trial : experiment.trials)
        seeds += (seeds.empty() ? "" : " ") + std::to_string(trial.seed);
    std::string verdict(to_string(experiment.verdict.decision));
    if (experiment.verdict.decision == Decision::crash)
        verdict += " (" + std::string(to_string(experiment.verdict.ending)) + ")";
    const auto& agent = experiment.agent;

    if (experiment.val_bpb() > 0) trailer("Val-Bpb", number("%.6f", experiment.val_bpb()));
    trailer("Experiment", facts.tag + "/" + std::to_string(experiment.number));
    trailer("Seed", seeds);
    trailer("Budget", number("%.10g", facts.budget));
    trailer("Data", facts.data);
    trailer("Device", facts.device);
    trailer("Verdict", verdict);
    trailer("Agent", clean_line(agent.model.empty() ? agent.name : agent.name + " (" + agent.model + ")"));
    return text;
}

std::string RunRepo::commit(const Experiment& experiment, const std::string& source) {
    const auto commit = git_.write_commit(experiment.parent, source, commit_message(experiment, facts_),
                                          unix_time(experiment.started));
    git_.set_ref(experiment_ref(facts_.tag, experiment.number), commit, "autoresearch: experiment");
    return commit;
}

void RunRepo::advance(const std::string& commit) {
    git_.set_ref("refs/heads/" + run_branch(facts_.tag), commit, "autoresearch: kept");
}

}  // namespace autoresearch
