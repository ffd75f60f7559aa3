#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "autoresearch/ops.h"

namespace autoresearch {

/// The device for a name given to --device; auto takes CUDA, then MPS, then the CPU. Throws UserError if it
/// is not available.
at::Device choose_device(const std::string& name);

/// cpu, mps or cuda.
const char* name_of(at::Device device);

/// Waits until the device has finished all its work.
void synchronize(at::Device device);

/// Peak MiB held by tensors.
double peak_memory_mb(at::Device device);

// What must be known of a device. By hand a trainer measures it and keeps it in devices.json in the user's
// cache directory, by machine, device, threads, system and torch version. The harness has it measured by the
// shipped trainer, once for a run, and hands it to all trials: these measure nothing, and no candidate can
// change it for the others.

/// Takes everything from `text`, which probe() made, and leaves the cache alone. UserError if it is not that,
/// or of another device.
void use_known(const std::string& text, at::Device device);
/// All of it as JSON, measured now, whatever the cache says (the --probe flag); with threads, memory and
/// torch version.
nlohmann::json probe(at::Device device);

/// FLOP/s of a square matmul, in the type the trainer multiplies in. Measures at each call (a fraction of a
/// second) and returns the best of all measurements: a machine that is busy now does not look slower than it
/// is.
double matmul_peak(at::Device device);

/// Whether bf16 matmuls are clearly faster than fp32 on this chip (not on M1 and M2, which emulate bf16).
/// Never on the CPU.
bool bf16_pays(at::Device device);

/// What self_check found wrong with this device; empty for nothing.
std::string device_fault(at::Device device);

using Attention = std::function<at::Tensor(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                           std::int64_t window)>;

/// Looks for the ways in which devices have been seen to compute wrong results without an error: long sums,
/// matmuls that differ from call to call, attention that sees later tokens (with and without gradients, in
/// the types and head widths that a trainer uses), and a small training step compared with the CPU's plain
/// one. Takes a fraction of a second. Returns what is wrong, in a few words, or nothing. `attention` is a
/// parameter for the tests.
std::string self_check(at::Device device, const Attention& attention = causal_attention);

/// Compares every operation of ops.h, forward and backward, in bf16 and fp32, with its plain expression on
/// the same device. Returns what differs, or nothing.
std::string check_kernels(at::Device device);
/// Leaves our GPU kernels for the plain expressions, for the whole process, if they are wrong on this device,
/// and says so on stderr.
void trust_kernels(at::Device device);

/// MiB that a run may plan to use: 60 % of what the device (Metal: its recommended working set) or the
/// machine has.
double memory_for_training_mb(at::Device device);

/// What a run of so many rows at a time is expected to hold, and what it may.
struct MemoryForecast {
    int rows;
    double memory_mb, available_mb;
};

/// Halves the rows that are wanted until they fit. `bytes_once` and `bytes_per_token` are what the model
/// needs whatever the batch, and for each of its tokens; the logits are counted here.
MemoryForecast forecast_memory(at::Device device, int rows, double bytes_once, double bytes_per_token,
                               int seq_len, int vocab_size);

}  // namespace autoresearch
