// The GPU's passes over memory, which ATen would make one by one: norms with what precedes them, rotary position,
// squared ReLU, cross-entropy. Compiled at run time by NVRTC for the sizes of the model (nvrtc.h), without any
// header; and for the host by the tests (tests/host_gpu.h).
//
// Numbers are bf16, or fp32 with -DFP32; sums are fp32. A thread moves 8 numbers at a time. In comments N is the
// number of tokens, C the width (-DWIDTH), H the heads, D the width of a head (-DHEAD), V the vocabulary (-DVOCAB).
#ifndef HOST_GPU
#define DEVICE static __device__ __forceinline__
#define KERNEL extern "C" __global__ void
#define EACH(i, n) _Pragma("unroll") for (int i = 0; i < (n); ++i)
#endif

typedef long long Index;

#ifdef FP32
typedef float Number;
struct alignas(16) Four {
    float of[4];
};
DEVICE void load(const Number* from, float* to) {
    const Four low = *(const Four*)from, high = *(const Four*)(from + 4);
    EACH(i, 4) to[i] = low.of[i], to[4 + i] = high.of[i];
}
DEVICE void store(Number* to, const float* from) {
    Four low, high;
    EACH(i, 4) low.of[i] = from[i], high.of[i] = from[4 + i];
    *(Four*)to = low, *(Four*)(to + 4) = high;
}
#else
typedef unsigned short Number;
struct alignas(16) Four {
    unsigned of[4];
};
DEVICE unsigned bf16_pair(float low, float high) {
#ifdef HOST_GPU
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

struct alignas(16) Quad {
    float of[4];
};
DEVICE void load_floats(const float* from, float* to) {
    const Quad low = *(const Quad*)from, high = *(const Quad*)(from + 4);
    EACH(i, 4) to[i] = low.of[i], to[4 + i] = high.of[i];
}
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

// ---------------------------------------------------------------------------------------------------------
#ifdef WIDTH  // a warp takes a row

constexpr int kPieces = (WIDTH / 8 + 31) / 32;  // of 8 numbers, for each lane

DEVICE int lane_of() { return threadIdx.x % 32; }
DEVICE Index warp_of() { return (Index)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; }
/// Where the lane's piece begins in a row; from WIDTH on there is none.
DEVICE int piece(int i) { return 8 * (lane_of() + 32 * i); }

/// s = a x + b x0, y = s / rms(s): (N, C) each; x0 (with a and b) and s may be null.
KERNEL norm_forward(const Number* x, const Number* x0, const float* a, const float* b, Number* s, Number* y,
                    float* scales, Index rows, float eps) {
    const Index row = warp_of();
    if (row >= rows) return;
    const float of_x = x0 ? *a : 1, of_x0 = x0 ? *b : 0;
    float v[kPieces][8], squares = 0;
    EACH(p, kPieces) {
        const Index at = row * WIDTH + piece(p);
        if (piece(p) >= WIDTH) continue;
        float more[8];
        load(x + at, v[p]);
        if (x0) {
            load(x0 + at, more);
            EACH(i, 8) v[p][i] = of_x * v[p][i] + of_x0 * more[i];
        }
        if (s) store(s + at, v[p]);
        EACH(i, 8) squares += v[p][i] * v[p][i];
    }
    const float scale = rsqrtf(sum_over(32, squares) / WIDTH + eps);
    if (lane_of() == 0) scales[row] = scale;
    EACH(p, kPieces) {
        if (piece(p) >= WIDTH) continue;
        EACH(i, 8) v[p][i] *= scale;
        store(y + row * WIDTH + piece(p), v[p]);
    }
}

/// dx = gs + scale (gy - y mean(gy y)): gs, the gradient of s, may be null.
KERNEL norm_backward(const Number* gs, const Number* gy, const Number* y, const float* scales, Number* dx, Index rows) {
    const Index row = warp_of();
    if (row >= rows) return;
    float g[kPieces][8], v[kPieces][8], mean = 0;
    EACH(p, kPieces) {
        if (piece(p) >= WIDTH) continue;
        load(gy + row * WIDTH + piece(p), g[p]);
        load(y + row * WIDTH + piece(p), v[p]);
        EACH(i, 8) mean += g[p][i] * v[p][i];
    }
    mean = sum_over(32, mean) / WIDTH;
    EACH(p, kPieces) {
        const Index at = row * WIDTH + piece(p);
        if (piece(p) >= WIDTH) continue;
        float d[8];
        if (gs) load(gs + at, d);
        EACH(i, 8) d[i] = (gs ? d[i] : 0) + scales[row] * (g[p][i] - v[p][i] * mean);
        store(dx + at, d);
    }
}

/// The same for s = a x + b x0, which is not kept: d = gs + scale (gy - s scale^2 mean(gy s)), dx = a d, dx0 = b d.
/// Each warp leaves its sums of d x and d x0, the gradients of a and b, in sums (2, warps).
KERNEL mix_norm_backward(const Number* gs, const Number* gy, const Number* x, const Number* x0, const float* a,
                         const float* b, const float* scales, Number* dx, Number* dx0, float* sums, Index rows) {
    const Index warps = (Index)gridDim.x * (blockDim.x / 32);
    const float of_x = *a, of_x0 = *b;
    float sum = 0, sum0 = 0;
    for (Index row = warp_of(); row < rows; row += warps) {
        float g[kPieces][8], v[kPieces][8], v0[kPieces][8], mean = 0;
        EACH(p, kPieces) {
            const Index at = row * WIDTH + piece(p);
            if (piece(p) >= WIDTH) continue;
            load(gy + at, g[p]);
            load(x + at, v[p]);
            load(x0 + at, v0[p]);
            EACH(i, 8) mean += g[p][i] * (of_x * v[p][i] + of_x0 * v0[p][i]);
        }
        const float scale = scales[row];
        mean = sum_over(32, mean) / WIDTH * scale * scale;
        EACH(p, kPieces) {
            const Index at = row * WIDTH + piece(p);
            if (piece(p) >= WIDTH) continue;
            float d[8], d0[8];
            if (gs) load(gs + at, d);
            EACH(i, 8) {
                const float s = of_x * v[p][i] + of_x0 * v0[p][i];
                const float grad = (gs ? d[i] : 0) + scale * (g[p][i] - s * mean);
                sum += grad * v[p][i];
                sum0 += grad * v0[p][i];
                d[i] = of_x * grad;
                d0[i] = of_x0 * grad;
            }
            store(dx + at, d);
            store(dx0 + at, d0);
        }
    }
    sum = sum_over(32, sum);
    sum0 = sum_over(32, sum0);
    if (lane_of() == 0) sums[warp_of()] = sum, sums[warps + warp_of()] = sum0;
}

/// y = table[token] / rms(table[token]): table (V, C) in fp32.
KERNEL embed_forward(const Index* tokens, const float* table, Number* y, float* scales, Index rows, float eps) {
    const Index row = warp_of();
    if (row >= rows) return;
    float v[kPieces][8], squares = 0;
    EACH(p, kPieces) {
        if (piece(p) >= WIDTH) continue;
        load_floats(table + tokens[row] * WIDTH + piece(p), v[p]);
        EACH(i, 8) squares += v[p][i] * v[p][i];
    }
    const float scale = rsqrtf(sum_over(32, squares) / WIDTH + eps);
    if (lane_of() == 0) scales[row] = scale;
    EACH(p, kPieces) {
        if (piece(p) >= WIDTH) continue;
        EACH(i, 8) v[p][i] *= scale;
        store(y + row * WIDTH + piece(p), v[p]);
    }
}

/// Adds scale (gy - y mean(gy y)) to the tokens' rows of dtable, which starts with zeros.
KERNEL embed_backward(const Index* tokens, const Number* y, const float* scales, const Number* gy, float* dtable,
                      Index rows) {
    const Index row = warp_of();
    if (row >= rows) return;
    float g[kPieces][8], v[kPieces][8], mean = 0;
    EACH(p, kPieces) {
        if (piece(p) >= WIDTH) continue;
        load(gy + row * WIDTH + piece(p), g[p]);
        load(y + row * WIDTH + piece(p), v[p]);
        EACH(i, 8) mean += g[p][i] * v[p][i];
    }
    mean = sum_over(32, mean) / WIDTH;
    EACH(p, kPieces) {
        if (piece(p) >= WIDTH) continue;
        EACH(i, 8) g[p][i] = scales[row] * (g[p][i] - v[p][i] * mean);
        add_floats(dtable + tokens[row] * WIDTH + piece(p), g[p]);
    }
}
#endif

// ---------------------------------------------------------------------------------------------------------
#ifdef HEAD  // HEAD / 16 lanes take a head: lane j has 8 numbers of the first half, and their partners

constexpr int kLanes = HEAD / 16, kHalf = HEAD / 2;

/// One head of one token, and which part of it the calling lane has.
struct Place {
    bool mine;  // false past the last one: then it works on the last one, for the shuffles' sake, and stores nothing
    Index i, token;
    int head, at;
};
DEVICE Place place_of(Index n, int heads) {
    const Index group = ((Index)blockIdx.x * blockDim.x + threadIdx.x) / kLanes;
    Place place;
    place.mine = group < n * heads;
    place.i = place.mine ? group : n * heads - 1;
    place.token = place.i / heads;
    place.head = (int)(place.i % heads);
    place.at = place.head * HEAD + 8 * (int)(threadIdx.x % kLanes);
    return place;
}

/// qkv (N, 3, H, D) -> rotary position and RMS norm of q and k, v + gate table[token], in the same layout. Tables of
/// angles (T, D/2), gate (N, H), table (V, C) in fp32; without gate and table v is left out. scales (N, 2, H).
KERNEL rotary_forward(const Number* qkv, const float* cosines, const float* sines, const float* gate, const float* table,
                      const Index* tokens, Number* y, float* scales, Index n, int heads, int length, float eps) {
    const Place place = place_of(n, heads);
    const int width = heads * HEAD;
    const Index at = place.token * 3 * width + place.at;
    float c[8], s[8], first[8], second[8];
    const Index angle = place.token % length * kHalf + place.at % HEAD;
    load_floats(cosines + angle, c);
    load_floats(sines + angle, s);
    EACH(part, 2) {
        load(qkv + at + part * width, first);
        load(qkv + at + part * width + kHalf, second);
        float squares = 0;
        EACH(i, 8) {
            const float turned = first[i] * c[i] + second[i] * s[i];
            second[i] = second[i] * c[i] - first[i] * s[i];
            first[i] = turned;
            squares += first[i] * first[i] + second[i] * second[i];
        }
        const float scale = rsqrtf(sum_over(kLanes, squares) / HEAD + eps);
        EACH(i, 8) first[i] *= scale, second[i] *= scale;
        if (!place.mine) continue;
        if (place.at % HEAD == 0) scales[(2 * place.token + part) * heads + place.head] = scale;
        store(y + at + part * width, first);
        store(y + at + part * width + kHalf, second);
    }
    if (!gate || !place.mine) return;
    load(qkv + at + 2 * width, first);
    load(qkv + at + 2 * width + kHalf, second);
    const float* row = table + tokens[place.token] * width + place.at;
    const float share = gate[place.i];
    load_floats(row, c);
    load_floats(row + kHalf, s);
    EACH(i, 8) first[i] += share * c[i], second[i] += share * s[i];
    store(y + at + 2 * width, first);
    store(y + at + 2 * width + kHalf, second);
}

/// Gradients of q, k, v (N, H, D), whose tokens are so many numbers apart, -> of qkv (N, 3, H, D), which may be their own
/// memory, gate (N, H) and table, which starts with zeros. y: the result.
KERNEL rotary_backward(const Number* dq, const Number* dk, const Number* dv, Index q_row, Index k_row, Index v_row,
                       const Number* y, const float* scales, const float* cosines, const float* sines, const float* gate,
                       const float* table, const Index* tokens, Number* dqkv, float* dgate, float* dtable, Index n,
                       int heads, int length) {
    const Place place = place_of(n, heads);
    const int width = heads * HEAD;
    const Index at = place.token * 3 * width + place.at;
    float c[8], s[8], first[8], second[8], g1[8], g2[8];
    const Index angle = place.token % length * kHalf + place.at % HEAD;
    load_floats(cosines + angle, c);
    load_floats(sines + angle, s);
    EACH(part, 2) {
        const Number* g = part ? dk + place.token * k_row : dq + place.token * q_row;
        load(g + place.at, g1);
        load(g + place.at + kHalf, g2);
        load(y + at + part * width, first);
        load(y + at + part * width + kHalf, second);
        float mean = 0;
        EACH(i, 8) mean += g1[i] * first[i] + g2[i] * second[i];
        mean = sum_over(kLanes, mean) / HEAD;
        const float scale = scales[(2 * place.token + part) * heads + place.head];
        EACH(i, 8) {
            const float p = scale * (g1[i] - first[i] * mean), q = scale * (g2[i] - second[i] * mean);
            g1[i] = p * c[i] - q * s[i];
            g2[i] = p * s[i] + q * c[i];
        }
        if (!place.mine) continue;
        store(dqkv + at + part * width, g1);
        store(dqkv + at + part * width + kHalf, g2);
    }
    const bool in_place = dv == dqkv + 2 * width;
    if (in_place && !gate) return;
    load(dv + place.token * v_row + place.at, g1);
    load(dv + place.token * v_row + place.at + kHalf, g2);
    if (place.mine && !in_place) {
        store(dqkv + at + 2 * width, g1);
        store(dqkv + at + 2 * width + kHalf, g2);
    }
    if (!gate) return;
    const Index row = tokens[place.token] * width + place.at;
    load_floats(table + row, c);
    load_floats(table + row + kHalf, s);
    float sum = 0;
    EACH(i, 8) sum += g1[i] * c[i] + g2[i] * s[i];
    sum = sum_over(kLanes, sum);
    if (!place.mine) return;
    if (place.at % HEAD == 0) dgate[place.i] = sum;
    const float share = gate[place.i];
    EACH(i, 8) g1[i] *= share, g2[i] *= share;
    add_floats(dtable + row, g1);
    add_floats(dtable + row + kHalf, g2);
}
#endif

// ---------------------------------------------------------------------------------------------------------
#ifdef VOCAB  // a block of THREADS takes a row of logits

constexpr int kWords = (VOCAB / 8 + THREADS - 1) / THREADS;  // of 8 logits, for each thread

#if defined(FP32) || defined(HOST_GPU)
DEVICE float tanh_of(float x) { return tanhf(x); }
DEVICE float power_of_two(float x) { return exp2f(x); }
#else  // more exact than the rounding of the logits
DEVICE float tanh_of(float x) {
    float y;
    asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
DEVICE float power_of_two(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
#endif

/// Raw logits (rows, V) -> scale times the gradient of the cross-entropy of t cap, t = tanh(raw / cap), in place;
/// losses (rows). No pass for the maximum: the exponent is at least -2 cap. The next row is on its way meanwhile.
KERNEL cross_entropy(Number* logits, const Index* targets, float* losses, Index rows, float cap, float scale) {
    const int thread = threadIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const float in_bits = cap * 1.4426950408889634f, inverse_cap = 1 / cap;
    __shared__ float sums[2][THREADS / 32];
    __shared__ float wanted[2];
    float next[kWords][8];
    const auto fetch = [&](Index row) {
        EACH(w, kWords) {
            const int first = 8 * (thread + THREADS * w);
            if (first < VOCAB) load(logits + row * VOCAB + first, next[w]);
        }
    };
    if (blockIdx.x < rows) fetch(blockIdx.x);
    int turn = 0;  // a second set of shared memory saves a second barrier
    for (Index row = blockIdx.x; row < rows; row += gridDim.x, turn ^= 1) {
        const int target = (int)targets[row];
        float t[kWords][8], e[kWords][8], sum = 0;
        EACH(w, kWords) EACH(i, 8) t[w][i] = next[w][i];
        if (row + gridDim.x < rows) fetch(row + gridDim.x);
        EACH(w, kWords) {
            const int first = 8 * (thread + THREADS * w);
            if (first >= VOCAB) continue;
            EACH(i, 8) {
                t[w][i] = tanh_of(t[w][i] * inverse_cap);
                e[w][i] = power_of_two(in_bits * t[w][i] - in_bits);
                sum += e[w][i];
            }
            if (target / 8 == first / 8) EACH(i, 8) if (target % 8 == i) wanted[turn] = t[w][i];
        }
        sum = sum_over(32, sum);
        if (lane == 0) sums[turn][warp] = sum;
        __syncthreads();
        sum = sum_over(THREADS / 32, sums[turn][lane % (THREADS / 32)]);
        if (thread == 0) losses[row] = logf(sum) + cap * (1 - wanted[turn]);
        const float share = scale / sum;
        EACH(w, kWords) {
            const int first = 8 * (thread + THREADS * w);
            if (first >= VOCAB) continue;
            EACH(i, 8) e[w][i] *= share;
            if (target / 8 == first / 8) EACH(i, 8) if (target % 8 == i) e[w][i] -= scale;
            EACH(i, 8) t[w][i] = e[w][i] * (1 - t[w][i] * t[w][i]);
            store(logits + row * VOCAB + first, t[w]);
        }
    }
}
#endif

// ---------------------------------------------------------------------------------------------------------
/// y = relu(x)^2, of 8 n numbers.
KERNEL square_forward(const Number* x, Number* y, Index n) {
    const Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float v[8];
    load(x + 8 * i, v);
    EACH(k, 8) v[k] = v[k] > 0 ? v[k] * v[k] : 0;
    store(y + 8 * i, v);
}
/// dx = 2 relu(x) g, where relu(x) is the root of y.
KERNEL square_backward(const Number* y, const Number* g, Number* dx, Index n) {
    const Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float v[8], d[8];
    load(y + 8 * i, v);
    load(g + 8 * i, d);
    EACH(k, 8) d[k] *= 2 * sqrtf(v[k]);
    store(dx + 8 * i, d);
}
