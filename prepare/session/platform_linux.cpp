#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "prepare/session/platform.h"

namespace autoresearch::platform {
namespace {

/// The text after "key :" in a file of such lines, such as /proc/cpuinfo.
std::string field(const char* file, const std::string& key) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        const auto colon = line.find(':');
        if (colon == std::string::npos || line.compare(0, key.size(), key) != 0) continue;
        const auto start = line.find_first_not_of(" \t", colon + 1);
        return start == std::string::npos ? "" : line.substr(start);
    }
    return "";
}

}  // namespace

void keep_large_buffers() {
#if defined(__GLIBC__)
    // The threshold for mmap cannot be set above 32 MiB, so no mmap at all, and no trimming of the heap.
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_TOP_PAD, 64 << 20);
#endif
}

void wait_passively() {
    if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
    std::ifstream in("/proc/self/cmdline");
    std::vector<std::string> words;
    for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    setenv("OMP_WAIT_POLICY", "passive", 1);
    execv("/proc/self/exe", argv.data());  // returns only when it cannot: then threads spin
}

double seconds_since_process_start() {
    std::ifstream in("/proc/self/stat");
    std::string text;
    std::getline(in, text);
    const auto name_end = text.rfind(')');
    if (name_end == std::string::npos) return 0;
    std::istringstream fields(text.substr(name_end + 1));
    std::string skipped;
    for (int i = 3; i < 22; ++i) fields >> skipped;  // field 22: start, in clock ticks since boot
    double ticks = 0;
    fields >> ticks;
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) -
           ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::int64_t memory_bytes() {
    return static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) *
           static_cast<std::int64_t>(sysconf(_SC_PAGESIZE));
}

std::string processor_name() {
    const std::string name = field("/proc/cpuinfo", "model name");
    return name.empty() ? "cpu" : name;
}

std::int64_t bytes_read() {
    return std::strtoll(field("/proc/self/io", "rchar").c_str(), nullptr, 10);
}

}  // namespace autoresearch::platform
