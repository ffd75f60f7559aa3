#pragma once

#include <cstdint>
#include <string>

// What differs between systems: platform_linux.cpp, platform_macos.cpp.

namespace autoresearch::platform {

/// Makes the C allocator keep large buffers instead of giving them back: a training step asks for the same
/// ones again.
void keep_large_buffers();

double seconds_since_process_start();
double peak_resident_mb();    // MiB, of this process
std::int64_t memory_bytes();  // of the machine
std::string processor_name();

}  // namespace autoresearch::platform
