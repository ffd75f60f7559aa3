#include "judge/trial_curves.h"

#include <fcntl.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "util/atomic_file.h"
#include "util/json.h"
#include "util/text.h"

namespace autoresearch {

using nlohmann::json;

namespace {

constexpr int kEnough = 8;           // finished trials before anything is ended
constexpr double kLostKeeps = 0.01;  // of would-be keeps, over all checkpoints

std::optional<double> behind(const Curve& candidate, const Curve& incumbent, double share) {
    const auto mine = mean_loss(candidate, share), theirs = mean_loss(incumbent, share);
    if (!mine || !theirs || !std::isfinite(*mine - *theirs)) return std::nullopt;
    return *mine - *theirs;
}

const Trial* find_trial(const Experiment& experiment, std::uint64_t seed) {
    for (const Trial& trial : experiment.trials)
        if (trial.seed == seed && trial.counts()) return &trial;
    return nullptr;
}

/// The first trial that counts, and the incumbent's with the same seed; nulls if there is no such pair.
std::pair<const Trial*, const Trial*> first_pair(const Experiment& candidate, const Experiment& incumbent) {
    for (const Trial& trial : candidate.trials) {
        const Trial* other = trial.counts() ? find_trial(incumbent, trial.seed) : nullptr;
        if (other != nullptr) return {&trial, other};
    }
    return {};
}

struct Lesson {
    double difference = 0;
    EarlyEnd::Distances distances;
};

/// Begins with the line's end, so that a line that a crash tore does not spoil the next.
std::string line_of(int number, const Lesson& lesson) {
    json line = {number, lesson.difference};
    for (const auto& distance : lesson.distances) line.push_back(distance ? json(*distance) : json());
    return "\n" + line.dump();
}

std::map<int, Lesson> read_lessons(const std::filesystem::path& file) {
    std::map<int, Lesson> lessons;
    const std::string text = try_read_file(file).value_or("");
    for (const std::string_view row : split_lines(text)) {
        const json line = try_parse_json(row);
        Lesson lesson;
        if (!line.is_array() || line.size() != 2 + lesson.distances.size() || !line[0].is_number_integer() ||
            !line[1].is_number())
            continue;
        lesson.difference = line[1];
        for (std::size_t i = 0; i < lesson.distances.size(); ++i)
            if (line[2 + i].is_number()) lesson.distances[i] = line[2 + i].get<double>();
        lessons[line[0]] = lesson;
    }
    return lessons;
}

}  // namespace

EarlyEnd::Distances EarlyEnd::distances(const Curve& finished, const Curve& incumbent) {
    Distances result;
    for (std::size_t i = 0; i < kCheckpoints.size(); ++i)
        result[i] = behind(finished, incumbent, kCheckpoints[i]);
    return result;
}

void EarlyEnd::learn(const Distances& distances, double difference) {
    for (std::size_t i = 0; i < kCheckpoints.size(); ++i)
        if (const auto& distance = distances[i]; distance) lines_[i].add(*distance, difference);
}

double EarlyEnd::hopeless_distance(std::size_t checkpoint, double noise) const {
    const Line& line = lines_[checkpoint];
    if (line.count() < kEnough) return std::numeric_limits<double>::infinity();
    return line.reach(noise, kLostKeeps / kCheckpoints.size());
}

std::vector<StopThreshold> EarlyEnd::thresholds(const Curve& incumbent, double noise) const {
    std::vector<StopThreshold> result;
    for (std::size_t i = 0; i < kCheckpoints.size(); ++i) {
        const auto loss = mean_loss(incumbent, kCheckpoints[i]);
        const double distance = hopeless_distance(i, noise);
        if (loss && std::isfinite(distance)) result.push_back({kCheckpoints[i], *loss + distance});
    }
    return result;
}

/// What is learned stays: a night of n experiments reads each curve once, however often it is resumed.
void TrialCurves::learn(const std::vector<Experiment>& history) {
    const auto known = learned_ == 0 ? read_lessons(lessons_) : std::map<int, Lesson>();
    std::string lines;
    for (; learned_ < history.size(); ++learned_) {
        const Experiment& experiment = history[learned_];
        if (best_)
            if (const auto [mine, theirs] = first_pair(experiment, history[*best_]); mine != nullptr) {
                Lesson lesson{mine->val_bpb - theirs->val_bpb, {}};
                const auto found = known.find(experiment.number);
                if (found != known.end() && found->second.difference == lesson.difference) {
                    lesson = found->second;
                } else {
                    lesson.distances = EarlyEnd::distances(curve_of(experiment, mine->seed),
                                                           curve_of(history[*best_], mine->seed));
                    lines += line_of(experiment.number, lesson);
                }
                rule_.learn(lesson.distances, lesson.difference);
            }
        if (experiment.verdict.decision == Decision::keep) best_ = learned_;
    }
    if (!lines.empty() && !lessons_.empty())
        write_all(open_own_file(lessons_, O_WRONLY | O_CREAT | O_APPEND).get(), lines, lessons_.string());
}

std::vector<StopThreshold> TrialCurves::early_end(const Experiment& incumbent, std::uint64_t seed,
                                                  const std::vector<Experiment>& history,
                                                  const Noise& noise) {
    if (!early_ || find_trial(incumbent, seed) == nullptr) return {};
    learn(history);
    return rule_.thresholds(curve_of(incumbent, seed), noise.sd);
}

EqualSteps TrialCurves::at_equal_steps(const Experiment& incumbent, const Experiment& candidate) const {
    const auto [trial, other] = first_pair(candidate, incumbent);
    if (trial == nullptr) return {};
    const std::vector<double> mine = curve_of(candidate, trial->seed).loss,
                              theirs = curve_of(incumbent, trial->seed).loss;
    const auto steps = static_cast<std::ptrdiff_t>(std::min(mine.size(), theirs.size()));
    if (steps == 0) return {};
    const std::ptrdiff_t last = std::max<std::ptrdiff_t>(1, steps / 10);
    const auto mean = [&](const std::vector<double>& loss) {
        return std::accumulate(loss.begin() + steps - last, loss.begin() + steps, 0.0) /
               static_cast<double>(last);
    };
    return {static_cast<double>(mine.size()) / static_cast<double>(theirs.size()), mean(mine) - mean(theirs)};
}

}  // namespace autoresearch
