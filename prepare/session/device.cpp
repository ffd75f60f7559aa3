#include "prepare/session/device.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>
#include <sys/utsname.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "autoresearch/error.h"
#include "prepare/kernels/cudnn.h"
#include "prepare/kernels/nvrtc.h"
#include "prepare/metric/evaluate.h"
#include "prepare/session/cpu_memory.h"
#include "prepare/session/options.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

constexpr double kMiB = 1 << 20;

/// Best FLOP/s of a few square matmuls: 1024 wide on a CPU, 4096 on a GPU.
double matmul_speed(at::Device device, at::ScalarType type) {
    const at::NoGradGuard no_grad;
    const std::int64_t n = device.is_cpu() ? 1024 : 4096;
    const at::Tensor a = at::ones({n, n}, at::TensorOptions(device).dtype(type));
    at::mm(a, a);
    double best = 0;
    std::chrono::duration<double> total{0};
    for (int i = 0; i < 20 && (i < 4 || total.count() < 0.2); ++i) {
        synchronize(device);
        const auto before = std::chrono::steady_clock::now();
        at::mm(a, a);
        synchronize(device);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - before;
        total += seconds;
        best = std::max(best, 2.0 * static_cast<double>(n * n * n) / std::max(seconds.count(), 1e-9));
    }
    return best;
}

constexpr const char* kOk = "ok";  // in the place of a fault

/// What the probe prints and use_known() takes.
struct Known {
    std::string device, self_check = kOk, kernels = kOk, cudnn_attention = kOk, cudnn_matmuls = kOk;
    bool bf16 = false;
    double matmul_peak = 0, training_memory_mb = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Known, device, self_check, kernels, cudnn_attention, cudnn_matmuls, bf16,
                                   matmul_peak, training_memory_mb)

std::optional<Known> given;   // by the harness
bool cache_is_false = false;  // the probe believes nothing that a candidate may have written

std::string in_words(const std::string& fault) {
    return fault.empty() ? kOk : fault;
}
std::string fault_in(const std::string& words) {
    return words == kOk ? "" : words;
}

/// What earlier runs know about this device, from devices.json in the user's cache directory; null for
/// nothing. update(known) turns it into what is stored and returned.
template <class Update>
nlohmann::json remembered(at::Device device, const char* what, const Update& update) {
    utsname system{};
    uname(&system);
    const std::string key = device.str() + " of " + system.nodename + ", " +
                            std::to_string(at::get_num_threads()) + " threads, system " + system.release +
                            ", torch " + TORCH_VERSION;
    const std::filesystem::path file = cache_directory() / "devices.json";
    auto all = nlohmann::json::parse(try_read_file(file).value_or(""), nullptr, /*allow_exceptions=*/false);
    if (!all.is_object()) all = nlohmann::json::object();
    nlohmann::json& known = all[key][what];
    const nlohmann::json before = known;
    known = update(cache_is_false ? nlohmann::json() : before);
    if (known == before) return known;
    try {
        std::filesystem::create_directories(file.parent_path());
        write_file_atomically(file, all.dump(1) + "\n");
    } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): only a cache
    }
    return known;
}

/// Memory of the machine for the CPU, else of the device (Metal: its recommended working set).
double memory_mb(at::Device device) {
    return device.is_cpu()
               ? static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE)) /
                     kMiB
               : static_cast<double>(at::accelerator::getMemoryInfo(device.index()).second) / kMiB;
}

double best_matmul(at::Device device, bool half) {
    const auto best = remembered(device, "matmul peak", [&](const nlohmann::json& before) {
        return std::max({before.is_number() ? before.get<double>() : 0, matmul_speed(device, at::kFloat),
                         half ? matmul_speed(device, at::kBFloat16) : 0});
    });
    return best.get<double>();
}

constexpr const char* kNoMemory = "not enough memory to check the kernels";

/// What check_kernels() finds, or why it could not look.
std::string fault_of_kernels(at::Device device) {
    try {
        return check_kernels(device);
    } catch (const c10::OutOfMemoryError&) {
        return kNoMemory;
    } catch (const std::exception& error) {
        return error.what();
    }
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

const char* name_of(at::Device device) {
    return device.is_cpu() ? "cpu" : device.is_cuda() ? "cuda" : "mps";
}

void synchronize(at::Device device) {
    if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
}

double peak_memory_mb(at::Device device) {
    const auto bytes =
        device.is_cpu()
            ? static_cast<double>(peak_cpu_memory())
            : static_cast<double>(at::accelerator::getDeviceStats(device.index()).allocated_bytes[0].peak);
    return bytes / kMiB;
}

void use_known(const std::string& text, at::Device device) {
    try {
        given = nlohmann::json::parse(text).get<Known>();
    } catch (const nlohmann::json::exception& error) {
        throw UserError(std::string("--known: ") + error.what(), "give it what --probe prints");
    }
    if (given->device != name_of(device))
        throw UserError("--known is of device " + given->device + ", but this is " + name_of(device),
                        "give it what --probe --device " + std::string(name_of(device)) + " prints");
    if (!(given->matmul_peak > 0 && given->training_memory_mb > 0))
        throw UserError("--known: no device has that", "give it what --probe prints");
}

double matmul_peak(at::Device device) {
    return given ? given->matmul_peak : best_matmul(device, bf16_pays(device));
}

bool bf16_pays(at::Device device) {
    constexpr double kWorth = 1.2;  // the casts around each matmul are not free
    if (device.is_cpu()) return false;
    if (given) return given->bf16;
    const auto gain = remembered(device, "bf16 gain", [&](const nlohmann::json& before) {
        return before.is_number() ? before.get<double>()
                                  : matmul_speed(device, at::kBFloat16) / matmul_speed(device, at::kFloat);
    });
    return gain.get<double>() >= kWorth;
}

std::string device_fault(at::Device device) {
    if (given) return fault_in(given->self_check);
    const auto fault = remembered(device, "self-check", [&](const nlohmann::json& before) {
        return before.is_string() ? before.get<std::string>() : self_check(device);
    });
    return fault.get<std::string>();
}

void trust_kernels(at::Device device) {
    if (!device.is_cuda()) return;
    using cudnn::Work;
    if (given) {
        cudnn::fault(Work::attention) = fault_in(given->cudnn_attention);
        cudnn::fault(Work::matmul) = fault_in(given->cudnn_matmuls);
        if (given->kernels != kOk) kernels::take_plain_path(given->kernels);
        kernels::path_is_settled() = true;
        return;
    }
    const std::string what =
        c10::str("kernels ", std::hash<std::string_view>{}(kernels::kPasses), " on ",
                 kernels::gpu_name(device.index()), cudnn::built() ? "" : " without cuDNN");
    const auto known = remembered(device, what.c_str(), [&](const nlohmann::json& before) -> nlohmann::json {
        if (before.is_object()) return before;
        std::string fault = fault_of_kernels(device);
        if (!fault.empty() && cudnn::fault(Work::attention).empty()) {  // whose fault is it?
            for (const Work work : {Work::attention, Work::matmul})
                cudnn::fault(work) = "with it, the check of the kernels finds: " + fault;
            fault = fault_of_kernels(device);
        }
        if (fault == kNoMemory || !kernels::passes_fault().empty()) {  // may be otherwise tomorrow
            kernels::passes_fault() = fault.empty() ? kernels::passes_fault() : fault;
            return before;
        }
        return {{"fault", fault},
                {"attention", cudnn::fault(Work::attention)},
                {"matmuls", cudnn::fault(Work::matmul)}};
    });
    if (!known.is_object()) return;
    cudnn::fault(Work::attention) = known.value("attention", "");
    cudnn::fault(Work::matmul) = known.value("matmuls", "");
    if (known.value("fault", "").empty()) return;
    kernels::take_plain_path(known.value("fault", ""));
}

double memory_for_training_mb(at::Device device) {
    return given ? given->training_memory_mb : 0.6 * memory_mb(device);
}

nlohmann::json probe(at::Device device) {
    cache_is_false = true;
    Known known;
    known.device = name_of(device);
    known.self_check = in_words(device_fault(device));
    known.bf16 = bf16_pays(device);
    known.matmul_peak = best_matmul(device, known.bf16);
    known.training_memory_mb = memory_for_training_mb(device);
    if (device.is_cuda()) {
        trust_kernels(device);
        known.kernels = in_words(kernels::passes_fault());
        known.cudnn_attention = in_words(cudnn::fault(cudnn::Work::attention));
        known.cudnn_matmuls = in_words(cudnn::fault(cudnn::Work::matmul));
    }
    nlohmann::json found = known;
    found.update(
        {{"threads", at::get_num_threads()}, {"torch", TORCH_VERSION}, {"memory_mb", memory_mb(at::kCPU)}});
    if (!device.is_cpu()) found["device_memory_mb"] = memory_mb(device);
    return found;
}

MemoryForecast forecast_memory(at::Device device, int rows, double bytes_once, double bytes_per_token,
                               int seq_len, int vocab_size) {
    constexpr double kProcess = 350;  // MiB
    const double available = memory_for_training_mb(device);
    // Logits: three buffers of a slice of the evaluation; or of the loss, which has no more (on a GPU one of
    // twice the size).
    const double row = 4.0 * seq_len * vocab_size / kMiB;
    const double once =
        bytes_once / kMiB + (device.is_cpu() ? kProcess : 0) + 3 * std::max(row, logit_slice_mb(device));
    const auto needed = [&] { return once + rows * seq_len * bytes_per_token / kMiB; };
    // Some matmuls of Apple's chips are wrong that sum over more than 32766: half of that, to be safe.
    const auto allowed = [&] { return !device.is_mps() || rows * seq_len <= 16384; };
    while (rows > 1 && (needed() > available || !allowed())) rows /= 2;
    return {rows, needed(), available};
}

}  // namespace autoresearch
