#include <malloc.h>

#include <climits>
#include <fstream>
#include <string>

#include "prepare/session/host.h"

namespace autoresearch::host {

void keep_large_buffers() {
    // The mmap threshold cannot exceed 32 MiB, so use no mmap at all, and never trim the heap.
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_TOP_PAD, 64 << 20);
}

std::int64_t bytes_read() {
    std::ifstream in("/proc/self/io");
    std::string key;
    std::int64_t bytes = 0;
    in >> key >> bytes;  // the first line: "rchar: 4711"
    return bytes;
}

}  // namespace autoresearch::host
