#pragma once

// A GPU's threads on the host, for prepare/kernels/gpu_*.cu: the threads of a block are fibers that take
// turns, and change at each exchange between lanes and at each barrier. One block after the other.

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <vector>

namespace host_gpu {

struct Three {
    unsigned x = 0;
};

struct Fiber {
    ucontext_t context{};
    std::vector<char> stack = std::vector<char>(64 << 10);
    bool done = true;
    float slots[2] = {};  // what it offers to other lanes, by turns
    int turn = 0;
};

struct Block {
    std::vector<Fiber> fibers;
    ucontext_t scheduler{};
    unsigned now = 0;
    std::size_t waiting = 0, barriers = 0, live = 0;
    std::function<void()> body;
};
inline Block& block() {
    static Block one;
    return one;
}
inline Three thread_index() {
    return {block().now};
}
inline Three block_index, block_size, grid_size;

inline void yield() {
    Fiber& me = block().fibers[block().now];
    ::swapcontext(&me.context, &block().scheduler);
}

inline float exchange(float x, int distance) {
    Block& b = block();
    const unsigned self = b.now;
    Fiber& me = b.fibers[self];
    const int turn = me.turn;
    me.slots[turn] = x;
    me.turn ^= 1;
    yield();
    return b.fibers[self ^ static_cast<unsigned>(distance)].slots[turn];
}

inline void barrier() {
    Block& b = block();
    const std::size_t mine = b.barriers;
    if (++b.waiting == b.live) {
        b.waiting = 0;
        ++b.barriers;
    }
    while (b.barriers == mine) yield();
}

inline void enter() {
    block().body();
    block().fibers[block().now].done = true;
    yield();
}

/// Runs a kernel with that many blocks and threads.
inline void launch(std::int64_t blocks, int threads, const std::function<void()>& body) {
    Block& b = block();
    b.fibers.resize(static_cast<std::size_t>(threads));
    b.body = body;
    block_size.x = static_cast<unsigned>(threads);
    grid_size.x = static_cast<unsigned>(blocks);
    for (block_index.x = 0; block_index.x < grid_size.x; ++block_index.x) {
        for (Fiber& fiber : b.fibers) {
            ::getcontext(&fiber.context);
            fiber.context.uc_stack.ss_sp = fiber.stack.data();
            fiber.context.uc_stack.ss_size = fiber.stack.size();
            ::makecontext(&fiber.context, enter, 0);
            fiber.done = false;
        }
        b.live = b.fibers.size();
        for (bool any = true; any;) {
            any = false;
            for (b.now = 0; b.now < b.fibers.size(); ++b.now) {
                Fiber& fiber = b.fibers[b.now];
                if (fiber.done) continue;
                ::swapcontext(&b.scheduler, &fiber.context);
                if (fiber.done)
                    --b.live;
                else
                    any = true;
            }
        }
    }
}

/// Calls a kernel with arguments as the driver gets them.
template <class... Parameters>
void call(void (*kernel)(Parameters...), std::int64_t blocks, int threads, void** arguments) {
    std::tuple<Parameters...> values;
    std::size_t i = 0;
    std::apply([&](auto&... each) { ((std::memcpy(&each, arguments[i++], sizeof each)), ...); }, values);
    launch(blocks, threads, [&] { std::apply(kernel, values); });
}

}  // namespace host_gpu

// What gpu_*.cu expect of the compiler.
#define HOST_GPU
#define DEVICE [[maybe_unused]] static inline
#define KERNEL [[maybe_unused]] static void
#define KERNEL_OF_BLOCK(threads) KERNEL
#define EACH(i, n) for (int i = 0; i < (n); ++i)
#define __shared__ static
#define threadIdx host_gpu::thread_index()
#define blockIdx host_gpu::block_index
#define blockDim host_gpu::block_size
#define gridDim host_gpu::grid_size
#define __shfl_xor_sync(mask, x, distance) host_gpu::exchange(x, distance)
#define __syncthreads host_gpu::barrier
inline float rsqrtf(float x) {
    return 1 / std::sqrt(x);
}
inline float __uint_as_float(unsigned bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}
inline unsigned __float_as_uint(float x) {
    unsigned bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}
inline void atomicAdd(float* to, float x) {
    *to += x;
}
