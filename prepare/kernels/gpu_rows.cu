// Norms, with what precedes them, and the elementwise square.
#ifdef WIDTH  // a warp takes a row

constexpr int kPieces = (WIDTH / 8 + 31) / 32;  // of 8 numbers, for each lane

DEVICE int lane_of() { return threadIdx.x % 32; }
DEVICE Index warp_of() { return (Index)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; }
/// Where the lane's piece begins in a row; from WIDTH on there is none.
DEVICE int piece(int i) { return 8 * (lane_of() + 32 * i); }

/// y = v / rms(v), where squares is the lane's part of the sum of squares.
DEVICE void store_norm(float (&v)[kPieces][8], float squares, Index row, Number* y, float* scales, float eps) {
    const float scale = rsqrtf(sum_over(32, squares) / WIDTH + eps);
    if (lane_of() == 0) scales[row] = scale;
    EACH(p, kPieces) {
        if (piece(p) >= WIDTH) continue;
        EACH(i, 8) v[p][i] *= scale;
        store(y + row * WIDTH + piece(p), v[p]);
    }
}
/// Loads a row of gradients g and of results v; returns mean(g v).
DEVICE float load_both(const Number* gy, const Number* y, Index row, float (&g)[kPieces][8], float (&v)[kPieces][8]) {
    float mean = 0;
    EACH(p, kPieces) {
        if (piece(p) >= WIDTH) continue;
        load(gy + row * WIDTH + piece(p), g[p]);
        load(y + row * WIDTH + piece(p), v[p]);
        EACH(i, 8) mean += g[p][i] * v[p][i];
    }
    return sum_over(32, mean) / WIDTH;
}

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
    store_norm(v, squares, row, y, scales, eps);
}

/// dx = gs + scale (gy - y mean(gy y)): gs, the gradient of s, may be null.
KERNEL norm_backward(const Number* gs, const Number* gy, const Number* y, const float* scales, Number* dx, Index rows) {
    const Index row = warp_of();
    if (row >= rows) return;
    float g[kPieces][8], v[kPieces][8];
    const float mean = load_both(gy, y, row, g, v);
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
    store_norm(v, squares, row, y, scales, eps);
}

/// Adds scale (gy - y mean(gy y)) to the tokens' rows of dtable, which starts with zeros.
KERNEL embed_backward(const Index* tokens, const Number* y, const float* scales, const Number* gy, float* dtable,
                      Index rows) {
    const Index row = warp_of();
    if (row >= rows) return;
    float g[kPieces][8], v[kPieces][8];
    const float mean = load_both(gy, y, row, g, v);
    EACH(p, kPieces) {
        if (piece(p) >= WIDTH) continue;
        EACH(i, 8) g[p][i] = scales[row] * (g[p][i] - v[p][i] * mean);
        add_floats(dtable + tokens[row] * WIDTH + piece(p), g[p]);
    }
}
#endif

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
