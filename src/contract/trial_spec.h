#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "contract/settings.h"

namespace autoresearch {

/// Above this mean training loss, over the fifth of the budget that ends at `share`, a trial is hopeless.
struct StopThreshold {
    double share = 0;
    double loss = 0;
};

/// Everything that defines a trial, wherever it runs: no path, no machine name.
struct TrialSpec {
    int experiment = -1;      // its number; negative: none, by hand
    int attempt = 1;          // with this seed: counts up with each repeat
    std::string source;       // the whole text of train.cpp
    std::string source_hash;  // hash of its bytes, 16 hex digits
    std::string kit;          // hash of the fixed half's sources
    std::string torch;        // version
    std::string data;         // fingerprint of the data set
    std::uint64_t seed = 0;
    double budget = 0;           // training seconds, by the clock
    std::vector<double> shares;  // of the budget at each step of the trial to repeat, however long that
                                 // takes; empty: follow the clock
    ClockKind clock = ClockKind::wall;
    std::string device = "cpu";  // cpu, mps, cuda
    std::string known;  // of the device: what the shipped trainer's --probe printed; empty: the trainer
                        // finds out by itself
    int threads = 1;
    Split split = Split::val;
    double build_limit = 300, startup_limit = 300, grace = 15, eval_limit = 600;  // seconds
    double memory_limit = 0;                                                      // GB; 0: none
    std::vector<StopThreshold> stop;  // in the order of their shares; empty: no early end
};

/// What all trials with these settings have in common. The settings are settled: device, threads and memory
/// are known.
TrialSpec common_spec(const Settings& settings);

/// What two trials with one seed must share to be the same trial: source, kit, torch, data, and every setting
/// that a run freezes.
nlohmann::json identity(const TrialSpec& spec);

}  // namespace autoresearch
