#pragma once

#include <cstdint>
#include <filesystem>

// What differs between systems: host_linux.cpp, host_macos.cpp.

namespace autoresearch::host {

/// Makes the C allocator keep large buffers instead of returning them to the system: every training step asks
/// for the same ones.
void keep_large_buffers();

/// Bytes that this process has read from files with read(), not by mapping; 0 where the system does not count
/// them.
std::int64_t bytes_read();
/// Whether this process has opened the file since it began, or since forget_opened(); on macOS: has it open
/// now.
bool was_opened(const std::filesystem::path& file);
void forget_opened();

}  // namespace autoresearch::host
