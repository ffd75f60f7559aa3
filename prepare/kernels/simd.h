#pragma once

// Vectors of floats, using the vector extension of gcc and clang, with the instruction set chosen at run
// time: the same inline code is compiled for AVX-512, for AVX2 and for the target's baseline (SSE2, NEON). No
// torch here.

#include <cstdint>
#include <cstring>

#define AUTORESEARCH_INLINED __attribute__((always_inline))
#define AUTORESEARCH_INLINE inline AUTORESEARCH_INLINED

namespace autoresearch::simd {

enum class Isa { baseline, avx2, avx512 };

inline bool has(Isa isa) {
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == Isa::avx2) return avx2;
    if (isa == Isa::avx512) {
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    }
#endif
    return isa == Isa::baseline;
}

/// The best instruction set this machine has; tests may force a lower one.
inline Isa& isa() {
    static Isa best = has(Isa::avx512) ? Isa::avx512 : has(Isa::avx2) ? Isa::avx2 : Isa::baseline;
    return best;
}

/// The processor has AVX-512 and is not Intel's: see matmul.h.
inline bool fast_matmul() {
#if defined(__x86_64__)
    return has(Isa::avx512) && !__builtin_cpu_is("intel");
#else
    return false;
#endif
}

// NOLINTBEGIN(bugprone-macro-parentheses, readability-redundant-typename): older clang needs `typename`
template <int W>
struct Register;
#define AUTORESEARCH_REGISTER(W)                                          \
    template <>                                                           \
    struct Register<W> {                                                  \
        typedef float Floats __attribute__((vector_size(4 * W)));         \
        typedef std::int32_t Ints __attribute__((vector_size(4 * W)));    \
        typedef std::uint16_t Halves __attribute__((vector_size(2 * W))); \
    };
AUTORESEARCH_REGISTER(4)
AUTORESEARCH_REGISTER(8)
AUTORESEARCH_REGISTER(16)
#undef AUTORESEARCH_REGISTER

/// W floats, as many as fit in one register of the instruction set.
template <int W>
struct Vec {
    static constexpr int kLanes = W;
    using Floats = typename Register<W>::Floats;
    using Ints = typename Register<W>::Ints;
    using Halves = typename Register<W>::Halves;
    // NOLINTEND(bugprone-macro-parentheses, readability-redundant-typename)

    AUTORESEARCH_INLINE static Floats load(const float* p) {
        Floats v;
        std::memcpy(&v, p, sizeof v);
        return v;
    }
    /// bf16 is the upper half of a float.
    AUTORESEARCH_INLINE static Floats load(const std::uint16_t* p) {
        Halves halves;
        std::memcpy(&halves, p, sizeof halves);
        return as_floats(__builtin_convertvector(halves, Ints) << 16);
    }
    AUTORESEARCH_INLINE static void store(float* p, Floats v) { std::memcpy(p, &v, sizeof v); }
    AUTORESEARCH_INLINE static Floats splat(float x) {  // the form that compiles to one load
        Floats v{};
        for (int i = 0; i < W; ++i) v[i] = x;
        return v;
    }
    AUTORESEARCH_INLINE static Floats max(Floats a, Floats b) { return a > b ? a : b; }
    AUTORESEARCH_INLINE static Floats clamp(Floats x, float low, float high) {  // NaN stays NaN
        x = x < low ? splat(low) : x;
        return x > high ? splat(high) : x;
    }

    AUTORESEARCH_INLINE static float sum(Floats v) {
        for (int width = W / 2; width > 0; width /= 2)
            for (int i = 0; i < width; ++i) v[i] += v[i + width];
        return v[0];
    }
    AUTORESEARCH_INLINE static float largest(Floats v) {
        float m = v[0];
        for (int i = 1; i < W; ++i) m = v[i] > m ? v[i] : m;
        return m;
    }

    /// e^x within 2 units in the last place, for x in [-87, 88]; clamped outside.
    AUTORESEARCH_INLINE static Floats exp(Floats x) {
        x = clamp(x, -87.0f, 88.0f);
        // x = n ln 2 + r, n whole: adding 1.5 * 2^23 rounds, and leaves n in the low bits
        const Floats shifted = x * 1.44269504f + 12582912.0f;
        const Floats n = shifted - 12582912.0f;
        const Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
        Floats p = splat(1.9875691500e-4f);
        p = p * r + 1.3981999507e-3f;
        p = p * r + 8.3334519073e-3f;
        p = p * r + 4.1665795894e-2f;
        p = p * r + 1.6666665459e-1f;
        p = p * r + 5.0000001201e-1f;
        p = p * (r * r) + r + 1.0f;
        return as_floats(as_ints(p) +
                         (as_ints(shifted) << 23));  // n goes to the exponent, the constant's bits fall out
    }

    /// Within 2e-7 of tanh(x).
    AUTORESEARCH_INLINE static Floats tanh(Floats x) { return 1.0f - 2.0f / (1.0f + exp(2.0f * x)); }

  private:
    AUTORESEARCH_INLINE static Floats as_floats(Ints v) {
        return (Floats)v;
    }  // NOLINT: the extension's bit cast
    AUTORESEARCH_INLINE static Ints as_ints(Floats v) { return (Ints)v; }  // NOLINT
};

}  // namespace autoresearch::simd

namespace autoresearch::simd {

#if defined(__x86_64__)
template <class Body>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))) void run_avx512(Body body) {
    body(Vec<16>{});
}
template <class Body>
__attribute__((target("avx2,fma"))) void run_avx2(Body body) {
    body(Vec<8>{});
}
#endif

/// Calls body(V{}), where V is the Vec of the best instruction set. The body is compiled once for each, so it
/// must be inlined and capture by value: `dispatch([=](auto v) AUTORESEARCH_INLINED { using V = decltype(v);
/// ... })`.
template <class Body>
void dispatch(Body body) {
#if defined(__x86_64__)
    if (isa() == Isa::avx512) return run_avx512(body);
    if (isa() == Isa::avx2) return run_avx2(body);
#endif
    body(Vec<4>{});
}

}  // namespace autoresearch::simd
