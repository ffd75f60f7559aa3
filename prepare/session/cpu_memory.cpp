#include "prepare/session/cpu_memory.h"

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <atomic>

namespace autoresearch {
namespace {

constexpr std::size_t kHeader = c10::gAlignment;  // before every block: its size

std::atomic<std::size_t> held = 0, peak = 0;

void release(void* data) {
    if (data == nullptr) return;
    char* block = static_cast<char*>(data) - kHeader;
    held -= *reinterpret_cast<std::size_t*>(block);
    c10::free_cpu(block);
}

class CountingAllocator final : public c10::Allocator {
  public:
    c10::DataPtr allocate(std::size_t bytes) override {
        void* data = nullptr;
        if (bytes > 0) {
            char* block = static_cast<char*>(c10::alloc_cpu(bytes + kHeader));
            *reinterpret_cast<std::size_t*>(block) = bytes;
            data = block + kHeader;
            const std::size_t now = held += bytes;
            std::size_t highest = peak;
            while (now > highest && !peak.compare_exchange_weak(highest, now)) {
            }
        }
        return {data, data, &release, at::kCPU};
    }
    c10::DeleterFnPtr raw_deleter() const override { return &release; }
    void copy_data(void* target, const void* source, std::size_t bytes) const override {
        default_copy_data(target, source, bytes);
    }
};

}  // namespace

void count_cpu_memory() {
    static CountingAllocator allocator;
    c10::SetCPUAllocator(&allocator);
}

std::size_t peak_cpu_memory() {
    return peak;
}

}  // namespace autoresearch
