#include <mach-o/dyld.h>
#include <sys/sysctl.h>

#include <thread>

#include "cli/platform.h"

namespace autoresearch::platform {

std::filesystem::path self() {
    std::uint32_t size = 0;
    _NSGetExecutablePath(nullptr, &size);
    std::string path(size, '\0');
    _NSGetExecutablePath(path.data(), &size);
    return std::filesystem::canonical(path.c_str());
}

std::string default_preset() {
#if defined(__arm64__)
    return "mps";
#else
    return "cpu";  // libtorch has no Metal backend for Intel Macs
#endif
}

std::string machine() {
    char model[256] = "unknown processor";
    std::size_t size = sizeof model;
    sysctlbyname("machdep.cpu.brand_string", model, &size, nullptr, 0);
    return std::string(model) + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores, " +
           std::to_string(memory_bytes() >> 30) + " GiB";
}

std::int64_t memory_bytes() {
    std::uint64_t bytes = 0;
    std::size_t size = sizeof bytes;
    if (sysctlbyname("hw.memsize", &bytes, &size, nullptr, 0) != 0) return 0;
    return static_cast<std::int64_t>(bytes);
}

std::string install_hint() {
    return "xcode-select --install";
}

}  // namespace autoresearch::platform
