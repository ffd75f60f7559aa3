// Queries, keys and values.
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
