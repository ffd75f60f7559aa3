#pragma once

#include <cstddef>

namespace autoresearch {

/// From now on the memory of tensors on the CPU is counted.
void count_cpu_memory();

/// Bytes that tensors on the CPU held at the highest since then: what a GPU's allocator reports too. The same
/// for the same code, unlike the resident set, which depends on how the heap is cut up.
std::size_t peak_cpu_memory();

}  // namespace autoresearch
