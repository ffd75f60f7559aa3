#pragma once

#include <filesystem>
#include <vector>

#include "contract/trial_spec.h"
#include "proc/subprocess.h"
#include "trial/kit.h"

namespace autoresearch {

/// What foreign code is held back from while it is built and while it runs.
struct Walls {
    BoxKind kind = BoxKind::none;
    Kit kit = {};
    std::vector<std::filesystem::path> hidden = {};  // of what the system's folders may hold
};

/// The compiler's box: `work` is all that it may write to. It sets the process's environment and folder, too.
void box_build(const Walls& walls, const std::filesystem::path& work, ProcessSpec& process);

/// A trial's: it sees its program, the shards that it needs, and `work`, of which nothing is taken back.
void box_trial(const Walls& walls, const TrialSpec& spec, const std::filesystem::path& program,
               const std::filesystem::path& data, const std::filesystem::path& trace,
               const std::filesystem::path& work, ProcessSpec& process);

/// The same for the shipped trainer, which only looks at the device.
void box_probe(const Walls& walls, const std::filesystem::path& program, const std::filesystem::path& work,
               ProcessSpec& process);

}  // namespace autoresearch
