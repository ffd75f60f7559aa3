#pragma once

// The fixed half as the trainer sees it: budget, clock, device, data, progress and the metric. See
// docs/design.md. Tensors are libtorch's (ATen); a trainer that needs torch::nn may include <torch/torch.h>,
// at the price of a slower build.

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/TensorIndexing.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "autoresearch/ops.h"

namespace torch {
using namespace at;  // NOLINT: as in <torch/types.h>, so that both spellings work
}

namespace autoresearch {

enum class DeviceClass { mps, cuda, cpu };

/// One value per device class, in the column order of the hyperparameter block.
template <class T>
struct PerDevice {
    T mps, cuda, cpu;
    constexpr T operator[](DeviceClass device) const {
        return device == DeviceClass::mps ? mps : device == DeviceClass::cuda ? cuda : cpu;
    }
};

/// One batch on the device: int64 (rows, seq_len); targets are the inputs one token later.
struct Batch {
    at::Tensor inputs, targets;
};

/// One training run: create it first in main, ask it before every step, give it the model at the end.
/// It ends the process itself when continuing makes no sense: code 2 and a message for bad flags or data,
/// code 1 for a loss that is not finite or above 100, for a broken rule of the metric, and when memory runs
/// out.
class Session {
  public:
    Session(int argc, char** argv);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    at::Device device() const;
    DeviceClass device_class() const;
    int vocab_size() const;      // token ids are in [0, vocab_size)
    int seq_len() const;         // tokens of context, in training and in evaluation
    std::uint64_t seed() const;  // torch's generators are already seeded from it

    /// Whether bf16 is clearly faster than fp32 on this chip, as measured; never on the CPU.
    bool bf16_pays() const;
    /// The largest of `wanted`, wanted / 2, wanted / 4, ... (at least 1) rows for one forward and backward
    /// pass that fits the device's memory and obeys its limits, given the bytes that the model takes once
    /// (parameters, gradients, optimizer) and per token. With --forecast it prints the total and ends the
    /// process.
    int fit_rows(int wanted, double bytes_once, double bytes_per_token) const;

    /// Endless training data, one batch per call, packed ahead on its own thread. Same seed, same rows in the
    /// same order. A second loader uses a different order, also fixed by the seed.
    std::function<Batch()> train_batches(int rows);

    /// What the summary reports about the model; flops_per_token (forward and backward) gives mfu_percent.
    void describe(std::int64_t num_params, int depth, double flops_per_token);

    /// True while budget is left. The clock starts when the first step is done, and counts wall time, or CPU
    /// time per thread with --clock cpu.
    bool training();
    /// Share of the budget spent, in [0, 1], as of the last training(): constant within a step.
    double progress() const;
    std::int64_t steps() const;  // done so far
    /// Reports a finished step: its loss (a scalar on any device; read only a few times a second) and the
    /// tokens trained on.
    void step(const at::Tensor& loss, std::int64_t tokens);

    /// The metric: bits per UTF-8 byte of the validation split. `logits` maps tokens (B, T) to (B, T,
    /// vocab_size), not normalised; it is called without gradients and must not look ahead: see
    /// prepare/metric/evaluate.h. Prints the summary.
    void evaluate(const std::function<at::Tensor(const at::Tensor& tokens)>& logits);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace autoresearch
