#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace autoresearch {

/// The device for a name of --device; auto takes CUDA, then MPS, then the CPU. Throws UserError for one not
/// there.
at::Device choose_device(const std::string& name);

/// What was asked of the device is done when this returns.
void synchronize(at::Device device);

/// MiB at the highest: the allocator's on a GPU, resident memory on the CPU.
double peak_memory_mb(at::Device device);

/// FLOP/s of a large matmul in the type the trainer multiplies in. Measured once (well under a second), then
/// read from the user's cache directory, by device, processor, threads and torch version.
double matmul_peak(at::Device device);

/// What self_check found wrong with this device, empty for nothing. Remembered likewise, so that it costs
/// once.
std::string device_fault(at::Device device);

/// Device, threads, memory, torch version, self-check as a JSON object (the --probe flag).
std::string probe_json(at::Device device);

}  // namespace autoresearch
