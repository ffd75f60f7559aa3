// Cross-entropy.
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
KERNEL_OF_BLOCK(THREADS) cross_entropy(Number* logits, const Index* targets, float* losses, Index rows, float cap, float scale) {
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
        const Index target = targets[row];
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
        if (thread == 0 && (target < 0 || target >= VOCAB)) wanted[turn] = sqrtf(-1.0f);  // the loss is not a number
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
