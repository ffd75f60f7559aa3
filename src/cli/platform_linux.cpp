#include <sys/sysinfo.h>

#include <fstream>
#include <thread>

#include "cli/platform.h"

namespace autoresearch::platform {

std::filesystem::path self() {
    return std::filesystem::canonical("/proc/self/exe");
}

std::string default_preset() {
    // Present wherever an NVIDIA driver is loaded, also inside containers that were given the GPU.
    return std::filesystem::exists("/proc/driver/nvidia/version") ? "cuda" : "cpu";
}

std::string machine() {
    std::ifstream info("/proc/cpuinfo");
    std::string line, model = "unknown processor";
    while (std::getline(info, line)) {
        if (line.rfind("model name", 0) == 0) {
            model = line.substr(line.find(':') + 2);
            break;
        }
    }
    return model + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores, " +
           std::to_string(memory_bytes() >> 30) + " GiB";
}

std::int64_t memory_bytes() {
    struct sysinfo info{};
    if (sysinfo(&info) != 0) return 0;
    return static_cast<std::int64_t>(info.totalram) * info.mem_unit;
}

std::string install_hint() {
    return "sudo apt-get install g++ cmake ninja-build git";
}

}  // namespace autoresearch::platform
