// A token shard: as it comes, and with digests that fit, as a writer with a fault would give it.

#include <cstring>

#include "fuzz.h"
#include "prepare/data/files.h"
#include "prepare/data/packer.h"

namespace autoresearch {

static void read(const std::string& bytes) {
    const auto file = scratch().write("shard.bin", bytes);
    is_read([&] {
        const Shard shard(file);
        std::int64_t tokens = 0;
        for (std::int64_t i = 0; i < shard.num_documents(); ++i) {
            std::vector<std::int64_t> document(static_cast<std::size_t>(shard.length(i)));
            shard.copy(i, shard.length(i), document.data());
            tokens += shard.length(i);
        }
        must(tokens == shard.num_tokens(), "every token is of a document");
        is_read([&] { shard.verify(); });
        rows_of_one_epoch(shard, 4);
    });
}

void read_foreign(const std::string& bytes) {
    read(bytes);
    if (bytes.size() < 64) return;
    std::string fitting = bytes;
    std::uint64_t header[8];
    std::memcpy(header, bytes.data(), sizeof header);
    const std::uint64_t offsets = 8 * (header[2] + 1);
    if (offsets <= bytes.size() - 64)
        header[6] = xxh64(std::string_view(bytes).substr(bytes.size() - offsets));
    header[7] = xxh64({reinterpret_cast<const char*>(header), 56});
    std::memcpy(fitting.data(), header, sizeof header);
    read(fitting);
}

}  // namespace autoresearch
