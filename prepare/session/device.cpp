#include "prepare/session/device.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <sys/utsname.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "prepare/session/options.h"
#include "prepare/session/platform.h"
#include "prepare/session/self_check.h"

namespace autoresearch {
namespace fs = std::filesystem;
namespace {

double measure_matmul_peak(at::Device device) {
    const at::NoGradGuard no_grad;
    const std::int64_t n = device.is_cpu() ? 1024 : 4096;
    const auto options = at::TensorOptions(device).dtype(device.is_cuda() ? at::kBFloat16 : at::kFloat);
    const at::Tensor a = at::ones({n, n}, options), b = at::ones({n, n}, options);
    at::Tensor c = at::mm(a, b);
    double best = 0;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i) {
        synchronize(device);
        const auto before = std::chrono::steady_clock::now();
        at::mm_out(c, a, b);
        synchronize(device);
        const auto after = std::chrono::steady_clock::now();
        const double seconds = std::chrono::duration<double>(after - before).count();
        best = std::max(best, 2.0 * static_cast<double>(n * n * n) / std::max(seconds, 1e-9));
        if (i >= 3 && std::chrono::duration<double>(after - start).count() > 0.5) break;
    }
    return best;
}

/// What is measured once for each device, processor, thread count, system (drivers come with it) and torch
/// version, then read from the cache.
template <class Measure>
auto known_of_device(const char* what, at::Device device, const Measure& measure) {
    const fs::path file = cache_directory() / "devices.json";
    utsname system{};
    uname(&system);
    const std::string key = std::string(what) + ", " + device.str() + ", " + platform::processor_name() +
                            ", " + std::to_string(at::get_num_threads()) + " threads, system " +
                            system.release + ", torch " + TORCH_VERSION;
    std::ifstream in(file);
    nlohmann::json known = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
    if (!known.is_object()) known = nlohmann::json::object();
    if (known.contains(key)) return known[key].template get<decltype(measure())>();
    auto value = measure();
    known[key] = value;
    // Only a cache: where it cannot be written, the next start measures again.
    std::error_code ignored;
    fs::create_directories(file.parent_path(), ignored);
    const fs::path fresh = file.string() + "." + std::to_string(getpid());
    std::ofstream(fresh) << known.dump(1) << "\n";
    fs::rename(fresh, file, ignored);
    return value;
}

}  // namespace

at::Device choose_device(const std::string& name) {
    if (name == "cuda" || (name == "auto" && at::hasCUDA())) {
        if (!at::hasCUDA()) throw UserError("this libtorch finds no CUDA device", "use --device cpu or auto");
        return {at::kCUDA, 0};
    }
    if (name == "mps" || (name == "auto" && at::hasMPS())) {
        if (!at::hasMPS())
            throw UserError("Metal (MPS) is not available here",
                            "it needs macOS 14 on Apple silicon, outside a sandbox or virtual machine that "
                            "hides the GPU");
        return {at::kMPS, 0};
    }
    return {at::kCPU};
}

void synchronize(at::Device device) {
    if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
}

double peak_memory_mb(at::Device device) {
    if (device.is_cpu()) return platform::peak_resident_mb();
    const auto stats = at::accelerator::getDeviceStats(device.index());
    return static_cast<double>(stats.allocated_bytes[0].peak) / (1024 * 1024);
}

double matmul_peak(at::Device device) {
    return known_of_device("matmul peak", device, [&] { return measure_matmul_peak(device); });
}

std::string device_fault(at::Device device) {
    return known_of_device("self-check", device, [&] { return self_check(device); });
}

std::string probe_json(at::Device device) {
    const std::string fault = device_fault(device);
    nlohmann::json probe = {
        {"device", device.is_cpu()    ? "cpu"
                   : device.is_cuda() ? "cuda"
                                      : "mps"},
        {"processor", platform::processor_name()},
        {"threads", at::get_num_threads()},
        {"torch", TORCH_VERSION},
        {"self_check", fault.empty() ? "ok" : fault},
        {"memory_mb", static_cast<double>(platform::memory_bytes()) / (1024 * 1024)},
    };
    if (!device.is_cpu()) {
        const auto [free, total] = at::accelerator::getMemoryInfo(device.index());
        probe["device_memory_mb"] = static_cast<double>(total) / (1024 * 1024);
        probe["device_free_mb"] = static_cast<double>(free) / (1024 * 1024);
    }
    return probe.dump();
}

}  // namespace autoresearch
