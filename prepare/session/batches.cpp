#include "prepare/session/batches.h"

#include <ATen/Functions.h>

#include <utility>

#include "prepare/data/files.h"
#include "prepare/data/packer.h"

namespace autoresearch {

std::function<Batch()> batches(const std::filesystem::path& shard, int rows, int columns, std::uint64_t seed,
                               at::Device device) {
    struct Loader {
        Loader(const std::filesystem::path& file, int batch_rows, int batch_columns, std::uint64_t first)
            : shard(file), packed(shard, batch_rows, batch_columns, first) {}
        Shard shard;
        Prefetcher packed;
        Batch ready = {};  // the next one, on its way to a GPU
    };
    const auto loader = std::make_shared<Loader>(shard, rows, columns, seed);
    auto next = [=] {
        // from_blob wants a pointer to mutable memory; it is only read.
        auto* ids = const_cast<std::int64_t*>(loader->packed.next().data());
        const at::Tensor all = at::from_blob(ids, {rows, columns}, at::kLong);
        const auto part = [&](std::int64_t first) {
            const at::Tensor ours = all.narrow(1, first, columns - 1).contiguous();
            return device.is_cuda() ? ours.pin_memory().to(device, /*non_blocking=*/true) : ours.to(device);
        };
        return Batch{part(0), part(1)};
    };
    if (!device.is_cuda()) return next;
    // The next batch is on its way before it is asked for: a GPU never waits for it.
    loader->ready = next();
    return [=] { return std::exchange(loader->ready, next()); };
}

}  // namespace autoresearch
