#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace autoresearch {

/// The device for a name of --device; auto takes CUDA, then MPS, then the CPU. Throws UserError for one not
/// there.
at::Device choose_device(const std::string& name);

/// What was asked of the device is done when this returns.
void synchronize(at::Device device);

/// MiB that tensors held at the highest.
double peak_memory_mb(at::Device device);

/// FLOP/s of a square matmul, in the type the trainer multiplies in. Measured at each call (a fraction of a
/// second) and the best of all measurements returned, which the user's cache directory keeps by device,
/// processor, threads and torch version: a machine that is busy now does not look slower than it is.
double matmul_peak(at::Device device);

/// Whether matmuls in bf16 are clearly faster than in fp32 on this chip (not on M1 and M2, which emulate it).
/// Measured once and kept likewise; never on the CPU.
bool bf16_pays(at::Device device);

/// What self_check found wrong with this device, empty for nothing. Kept likewise, so that it costs once.
std::string device_fault(at::Device device);

/// MiB that a run may plan with: 60 % of what the device (Metal: its recommended working set) or the machine
/// has.
double memory_for_training_mb(at::Device device);

/// Device, threads, memory, torch version, self-check as a JSON object (the --probe flag).
std::string probe_json(at::Device device);

}  // namespace autoresearch
