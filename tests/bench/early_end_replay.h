#pragma once

// What the rule of early ends does to recorded trials, for its test and its benchmark.

#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "judge/paired_judge.h"
#include "judge/trial_curves.h"

namespace autoresearch {

/// The trials of a run that count.
struct RecordedRun {
    struct Recorded {
        int experiment;
        std::uint64_t seed;
        double val_bpb;
        Curve curve;
    };
    double noise = 0;
    std::vector<Recorded> trials;
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Curve, share, loss)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RecordedRun::Recorded, experiment, seed, val_bpb, curve)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RecordedRun, noise, trials)

/// Whether the rule ends a trial at a checkpoint.
inline bool sure_to_lose(const EarlyEnd& rule, const Curve& running, const Curve& incumbent,
                         std::size_t checkpoint, double noise) {
    const double share = EarlyEnd::kCheckpoints.at(checkpoint);
    const auto mine = mean_loss(running, share), theirs = mean_loss(incumbent, share);
    return mine && theirs && *mine - *theirs > rule.hopeless_distance(checkpoint, noise);
}

struct EarlyEndReplay {
    int keeps = 0, lost = 0;    // would-be keeps: better than the incumbent on this seed; ended all the same
    int losers = 0, ended = 0;  // the others; ended early
    double trained = 0, saved = 0;  // trials, and what of them was not run

    /// Every trial as the candidate of every other one with the same seed, with what the rest of the run
    /// teaches: of at most `known` other experiments, the first ones.
    void add(const RecordedRun& run, std::size_t known) {
        for (const auto& incumbent : run.trials) {
            std::vector<const RecordedRun::Recorded*> others;
            for (const auto& trial : run.trials)
                if (trial.seed == incumbent.seed && &trial != &incumbent) others.push_back(&trial);
            for (const auto* candidate : others) {
                EarlyEnd rule;
                std::size_t learned = 0;
                for (const auto* other : others)
                    if (other != candidate && learned++ < known)
                        rule.learn(EarlyEnd::distances(other->curve, incumbent.curve),
                                   other->val_bpb - incumbent.val_bpb);
                const bool keep = candidate->val_bpb < incumbent.val_bpb;
                ++(keep ? keeps : losers);
                ++trained;
                for (std::size_t i = 0; i < EarlyEnd::kCheckpoints.size(); ++i) {
                    if (!sure_to_lose(rule, candidate->curve, incumbent.curve, i, run.noise)) continue;
                    ++(keep ? lost : ended);
                    saved += 1 - EarlyEnd::kCheckpoints[i];
                    break;
                }
            }
        }
    }
};

}  // namespace autoresearch
