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
#include "prepare/session/cpu_memory.h"
#include "prepare/session/options.h"
#include "prepare/session/platform.h"
#include "prepare/session/self_check.h"

namespace autoresearch {
namespace fs = std::filesystem;
namespace {

/// Best FLOP/s of a few square matmuls: 1024 wide on a CPU, 4096 on a GPU.
double matmul_speed(at::Device device, at::ScalarType type) {
    const at::NoGradGuard no_grad;
    const std::int64_t n = device.is_cpu() ? 1024 : 4096;
    const at::Tensor a = at::ones({n, n}, at::TensorOptions(device).dtype(type));
    at::Tensor c = at::mm(a, a);
    double best = 0;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i) {
        synchronize(device);
        const auto before = std::chrono::steady_clock::now();
        c = at::mm(a, a);
        synchronize(device);
        const auto after = std::chrono::steady_clock::now();
        const double seconds = std::chrono::duration<double>(after - before).count();
        best = std::max(best, 2.0 * static_cast<double>(n * n * n) / std::max(seconds, 1e-9));
        if (i >= 3 && std::chrono::duration<double>(after - start).count() > 0.2) break;
    }
    return best;
}

/// What was measured of this device before, in devices.json of the user's cache directory: by device,
/// processor, threads, system (drivers come with it) and torch version.
class Known {
  public:
    explicit Known(at::Device device) : file_(cache_directory() / "devices.json") {
        utsname system{};
        uname(&system);
        key_ = device.str() + ", " + platform::processor_name() + ", " +
               std::to_string(at::get_num_threads()) + " threads, system " + system.release + ", torch " +
               TORCH_VERSION;
        std::ifstream in(file_);
        all_ = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
        if (!all_.is_object()) all_ = nlohmann::json::object();
    }
    nlohmann::json& operator[](const char* what) { return all_[key_][what]; }
    /// Only a cache: where it cannot be written, the next start measures again.
    void save() const {
        std::error_code ignored;
        fs::create_directories(file_.parent_path(), ignored);
        const fs::path fresh = file_.string() + "." + std::to_string(getpid());
        std::ofstream(fresh) << all_.dump(1) << "\n";
        fs::rename(fresh, file_, ignored);
    }

  private:
    fs::path file_;
    std::string key_;
    nlohmann::json all_;
};

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
    const auto bytes =
        device.is_cpu()
            ? static_cast<double>(peak_cpu_memory())
            : static_cast<double>(at::accelerator::getDeviceStats(device.index()).allocated_bytes[0].peak);
    return bytes / (1024 * 1024);
}

double matmul_peak(at::Device device) {
    Known known(device);
    nlohmann::json& peak = known["matmul peak"];
    double best = std::max(peak.is_number() ? peak.get<double>() : 0, matmul_speed(device, at::kFloat));
    if (bf16_pays(device)) best = std::max(best, matmul_speed(device, at::kBFloat16));
    peak = best;
    known.save();
    return best;
}

bool bf16_pays(at::Device device) {
    constexpr double kWorth = 1.2;  // the casts around each matmul cost something
    if (device.is_cpu()) return false;
    Known known(device);
    nlohmann::json& gain = known["bf16 gain"];
    if (!gain.is_number()) {
        gain = matmul_speed(device, at::kBFloat16) / matmul_speed(device, at::kFloat);
        known.save();
    }
    return gain.get<double>() >= kWorth;
}

std::string device_fault(at::Device device) {
    Known known(device);
    nlohmann::json& fault = known["self-check"];
    if (!fault.is_string()) {
        fault = self_check(device);
        known.save();
    }
    return fault.get<std::string>();
}

double memory_for_training_mb(at::Device device) {
    const double machine = static_cast<double>(platform::memory_bytes());
    const double bytes = device.is_cpu()
                             ? machine
                             : static_cast<double>(at::accelerator::getMemoryInfo(device.index()).second);
    return 0.6 * bytes / (1024 * 1024);
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
        {"bf16", bf16_pays(device)},
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
