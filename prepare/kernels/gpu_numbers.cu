// The GPU's passes over memory, which ATen would make one by one: norms with what precedes them, rotary position,
// squared ReLU, cross-entropy. Compiled at run time by NVRTC for the sizes of the model (nvrtc.h), without any
// header; and for the host by the tests (tests/host_gpu.h).
//
// Numbers are bf16, or fp32 with -DFP32; sums are fp32. A thread moves 8 numbers at a time. In comments N is the
// number of tokens, C the width (-DWIDTH), H the heads, D the width of a head (-DHEAD), V the vocabulary (-DVOCAB).
#ifndef HOST_GPU
#define DEVICE static __device__ __forceinline__
#define KERNEL extern "C" __global__ void
#define KERNEL_OF_BLOCK(threads) extern "C" __global__ void __launch_bounds__(threads)
#define EACH(i, n) _Pragma("unroll") for (int i = 0; i < (n); ++i)
#endif

typedef long long Index;

struct alignas(16) Quad {
    float of[4];
};
DEVICE void load_floats(const float* from, float* to) {
    const Quad low = *(const Quad*)from, high = *(const Quad*)(from + 4);
    EACH(i, 4) to[i] = low.of[i], to[4 + i] = high.of[i];
}

#ifdef FP32
typedef float Number;
DEVICE void load(const Number* from, float* to) { load_floats(from, to); }
DEVICE void store(Number* to, const float* from) {
    Quad low, high;
    EACH(i, 4) low.of[i] = from[i], high.of[i] = from[4 + i];
    *(Quad*)to = low, *(Quad*)(to + 4) = high;
}
#else
typedef unsigned short Number;
struct alignas(16) Four {
    unsigned of[4];
};
DEVICE unsigned bf16_pair(float low, float high) {
#if defined(HOST_GPU) || __CUDA_ARCH__ < 800
    const auto bits = [](float x) {  // to nearest, ties to even
        const unsigned b = __float_as_uint(x);
        return (b + 0x7fff + (b >> 16 & 1)) >> 16;
    };
    return bits(low) | bits(high) << 16;
#else
    unsigned pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
#endif
}
DEVICE void load(const Number* from, float* to) {
    const Four four = *(const Four*)from;
    EACH(i, 4) {
        to[2 * i] = __uint_as_float(four.of[i] << 16);
        to[2 * i + 1] = __uint_as_float(four.of[i] & 0xffff0000);
    }
}
DEVICE void store(Number* to, const float* from) {
    Four four;
    EACH(i, 4) four.of[i] = bf16_pair(from[2 * i], from[2 * i + 1]);
    *(Four*)to = four;
}
#endif

/// Adds 8 floats to memory that others add to, too: in no fixed order.
DEVICE void add_floats(float* to, const float* from) {
#if !defined(HOST_GPU) && __CUDA_ARCH__ >= 900
    EACH(i, 2)
    asm volatile("red.relaxed.gpu.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(to + 4 * i), "f"(from[4 * i]),
                 "f"(from[4 * i + 1]), "f"(from[4 * i + 2]), "f"(from[4 * i + 3])
                 : "memory");
#else
    EACH(i, 8) atomicAdd(to + i, from[i]);
#endif
}
/// The sum over so many neighbouring lanes, a power of two.
DEVICE float sum_over(int lanes, float x) {
    for (int distance = lanes / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
    return x;
}
