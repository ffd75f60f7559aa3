#pragma once

#include <cstddef>

namespace autoresearch {

/// Starts counting the memory of tensors on the CPU.
void count_cpu_memory();

/// Peak bytes held by tensors on the CPU since then, as a GPU's allocator reports too. The same for the same
/// code, unlike the resident set, which depends on heap fragmentation.
std::size_t peak_cpu_memory();

}  // namespace autoresearch
