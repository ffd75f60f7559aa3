// The trainer: a GPT, its optimizer and the training loop, in one file that reads from top to bottom.
// This is the file that experiments change. Everything in it is fair game: model, optimizer, schedules,
// sizes, loop. The fixed half (budget, clock, data, seed, metric) is behind <autoresearch/session.h>, and
// <autoresearch/ops.h> has the operations that are one kernel on CPU and GPU.
//
// Letters in shapes: B rows, T tokens of context, N = B*T, V vocabulary, C width, H heads, D = C/H head
// dimension, L layers.
//
// Model and optimizer are those of karpathy/autoresearch: rotary position, QK norm, RMS norm without weights,
// squared ReLU, value embeddings with gates, residual and x0 scalars, soft-capped logits; Muon and AdamW.

#include <autoresearch/session.h>

using at::Tensor;
using autoresearch::Bf16Autocast, autoresearch::compute_type;
using autoresearch::causal_attention, autoresearch::head_cross_entropy, autoresearch::rms_norm;
using autoresearch::DeviceClass, autoresearch::PerDevice, autoresearch::Session;
using autoresearch::embed_norm, autoresearch::mix_norm, autoresearch::mlp_add, autoresearch::project_add_norm;
using autoresearch::Heads, autoresearch::Normed, autoresearch::rotary_qkv;

// ---------------------------------------------------------------------------------------------------------
// Values in braces are per device, in the order {mps, cuda, cpu}: Apple's GPU, NVIDIA's, no GPU. The mps
// column has the sizes of the MPS fork, cuda those of the original, cpu is small enough for a few cores.

// clang-format off
// --- hyperparameters
// model
constexpr PerDevice<int> DEPTH = {4, 8, 4};                            // transformer layers
constexpr PerDevice<int> ASPECT_RATIO = {64, 64, 32};                  // width / depth, up to whole heads
constexpr PerDevice<int> HEAD_DIM = {128, 128, 64};                    // of an attention head: 64 or 128
constexpr PerDevice<const char*> WINDOW_PATTERN = {"L", "SSSL", "L"};  // L full attention, S half the context
constexpr double SOFTCAP = 15;                                         // logits stay within +-SOFTCAP
// batch
constexpr PerDevice<int> TOTAL_BATCH_SIZE = {65536, 524288, 2048};     // tokens per optimizer step
constexpr PerDevice<int> DEVICE_BATCH_SIZE = {8, 128, 8};              // rows per forward and backward pass, at most
constexpr PerDevice<bool> BF16 = {true, true, false};                  // activations, where the chip benefits
// optimizer
constexpr PerDevice<double> MATRIX_LR = {0.04, 0.04, 0.04};            // learning rate of matrices (Muon)
constexpr PerDevice<double> EMBEDDING_LR = {0.6, 0.6, 0.6};            // of tokens and values (AdamW)
constexpr PerDevice<double> UNEMBEDDING_LR = {0.004, 0.004, 0.004};    // of the head (AdamW)
constexpr PerDevice<double> SCALAR_LR = {0.5, 0.5, 0.5};               // of the scalars of each layer (AdamW)
constexpr PerDevice<double> WEIGHT_DECAY = {0.2, 0.2, 0.2};            // of matrices, falls to 0 over the run
constexpr double ADAM_BETA1 = 0.8;                                     // AdamW: memory of the gradient
constexpr double ADAM_BETA2 = 0.95;                                    // AdamW: memory of its square
constexpr double MUON_BETA2 = 0.95;                                    // Muon: memory of the variance
constexpr double MOMENTUM_START = 0.85;                                // Muon: momentum at step 0 ...
constexpr double MOMENTUM_END = 0.95;                                  // ... and from step MOMENTUM_STEPS on
constexpr int MOMENTUM_STEPS = 300;                                    // steps between the two
// schedule, in shares of the time budget
constexpr double WARMUP_RATIO = 0.0;                                   // learning rate rises from 0
constexpr double WARMDOWN_RATIO = 0.5;                                 // and falls at the end
constexpr double FINAL_LR_FRAC = 0.0;                                  // to this share of its peak
// --- end of hyperparameters
// clang-format on

// ---------------------------------------------------------------------------------------------------------
// Model

struct Config {
    int vocab_size, seq_len, n_layer, n_head, n_embd;  // V, T, L, H, C
    std::string window_pattern;
    int head_dim() const { return n_embd / n_head; }  // D
};

constexpr int GATE_CHANNELS = 32;  // the first channels of the residual stream, which the value gates read

// Weights are (out, in), without biases. Linear layers get 2-D contiguous inputs only: other shapes are
// slower, and on MPS some are wrong.
struct Block {
    Tensor c_qkv;        // (3C, C)  queries, keys, values: three matrices in one matmul
    Tensor c_proj;       // (C, C)
    Tensor mlp_fc;       // (4C, C)
    Tensor mlp_proj;     // (C, 4C)
    Tensor value_embed;  // (V, C)   only in layers with a value embedding
    Tensor value_gate;   // (H, GATE_CHANNELS), likewise
    int window;          // positions that a token attends to, its own included

    std::vector<Tensor> matrices() const {
        std::vector<Tensor> all = {c_qkv, c_proj, mlp_fc, mlp_proj};
        if (value_gate.defined()) all.push_back(value_gate);
        return all;
    }
};

struct GPT {
    Config config;
    Tensor wte;  // (V, C)
    std::vector<Block> blocks;
    std::vector<Tensor> value_embeds, matrices;  // of all blocks
    Tensor lm_head;                              // (V, C)
    Tensor resid_lambdas;                        // (L)      how much of the stream enters a layer ...
    Tensor x0_lambdas;                           // (L)      ... and how much of the embedding is added there
    Tensor cos, sin;                             // (T, D/2), not trained

    // Weights are drawn on the CPU, so that a seed means the same start on every device.
    GPT(const Config& c, at::Device device) : config(c) {
        auto parameter = [&](Tensor initial) { return initial.to(device).requires_grad_(true); };
        auto normal = [&](int rows, int cols, double std) {
            return parameter(at::randn({rows, cols}).mul_(std));
        };
        const double s = std::sqrt(3.0 / c.n_embd);  // uniform in [-s, s] has standard deviation 1/sqrt(C)
        auto uniform = [&](int rows, int cols) { return parameter(at::empty({rows, cols}).uniform_(-s, s)); };
        auto zeros = [&](int rows, int cols) { return parameter(at::zeros({rows, cols})); };

        wte = normal(c.vocab_size, c.n_embd, 1.0);
        lm_head = normal(c.vocab_size, c.n_embd, 0.001);
        for (int i = 0; i < c.n_layer; ++i) {
            Block block;
            block.c_qkv = uniform(3 * c.n_embd, c.n_embd);
            block.c_proj = zeros(c.n_embd, c.n_embd);
            block.mlp_fc = uniform(4 * c.n_embd, c.n_embd);
            block.mlp_proj = zeros(c.n_embd, 4 * c.n_embd);
            if (i % 2 == (c.n_layer - 1) % 2) {  // every second layer, the last one always
                block.value_embed = uniform(c.vocab_size, c.n_embd);
                block.value_gate = zeros(c.n_head, GATE_CHANNELS);  // sigmoid(0) = 1/2, times 2: neutral
                value_embeds.push_back(block.value_embed);
            }
            const bool is_short = c.window_pattern[i % c.window_pattern.size()] == 'S' && i != c.n_layer - 1;
            block.window = is_short ? c.seq_len / 2 : c.seq_len;
            for (const Tensor& matrix : block.matrices()) matrices.push_back(matrix);
            blocks.push_back(block);
        }
        resid_lambdas = parameter(at::ones({c.n_layer}));
        x0_lambdas = parameter(at::full({c.n_layer}, 0.1));

        const Tensor channels = at::arange(0, c.head_dim(), 2, at::kFloat);  // (D/2)
        const Tensor frequencies = at::pow(10000.0, channels / -c.head_dim());
        const Tensor angles = at::outer(at::arange(c.seq_len, at::kFloat), frequencies);  // (T, D/2)
        cos = angles.cos().to(device);
        sin = angles.sin().to(device);
    }

    // x (N, C), tokens (B, T) -> (N, C)
    Tensor attention(const Block& block, const Tensor& x, const Tensor& tokens) const {
        const int64_t B = tokens.size(0), T = tokens.size(1), H = config.n_head, D = config.head_dim();
        const Tensor c = cos.narrow(0, 0, T), s = sin.narrow(0, 0, T);
        const Tensor qkv = at::linear(x, block.c_qkv).view({B, T, 3, H, D});
        Heads heads;  // (B, T, H, D) each; q and k rotated and normalised
        if (block.value_embed.defined()) {
            const Tensor channels = x.narrow(1, 0, GATE_CHANNELS).contiguous();  // (N, GATE_CHANNELS)
            const Tensor gate = 2 * at::sigmoid(at::linear(channels, block.value_gate));  // (N, H), in [0, 2]
            heads = rotary_qkv(qkv, c, s, gate, block.value_embed, tokens);  // v + gate * embedding
        } else {
            heads = rotary_qkv(qkv, c, s);
        }
        return causal_attention(heads.q, heads.k, heads.v, block.window).reshape({B * T, H * D});
    }

    // tokens (B, T) -> the last residual stream, normalised (N, C)
    Tensor features(const Tensor& tokens) const {
        const auto type = compute_type(wte.device());  // of the whole residual stream
        const Tensor x0 = embed_norm(wte, tokens, type);
        Tensor x = x0;
        for (size_t i = 0; i < blocks.size(); ++i) {
            Normed in = mix_norm(resid_lambdas[i], x, x0_lambdas[i], x0);
            const Tensor y = attention(blocks[i], in.norm, tokens);
            Normed mid = project_add_norm(std::move(in.sum), y, blocks[i].c_proj);
            x = mlp_add(std::move(mid.sum), mid.norm, blocks[i].mlp_fc, blocks[i].mlp_proj);
        }
        return rms_norm(x);
    }

    // tokens and targets (B, T) -> mean cross-entropy in nats, a scalar
    Tensor loss(const Tensor& tokens, const Tensor& targets) const {
        return head_cross_entropy(features(tokens), lm_head, targets.reshape({-1}), SOFTCAP);
    }

    // tokens (B, T) -> (B, T, V)
    Tensor logits(const Tensor& tokens) const {
        const Tensor raw = at::linear(features(tokens), lm_head).to(at::kFloat);
        return (SOFTCAP * at::tanh(raw / SOFTCAP)).view({tokens.size(0), tokens.size(1), config.vocab_size});
    }

    int64_t num_params() const {
        int64_t n = wte.numel() + lm_head.numel() + resid_lambdas.numel() + x0_lambdas.numel();
        for (const Tensor& p : value_embeds) n += p.numel();
        return n + num_matrix_params();
    }

    int64_t num_matrix_params() const {
        int64_t n = 0;
        for (const Tensor& p : matrices) n += p.numel();
        return n;
    }

    // Memory, roughly: weights, gradients and optimizer state; and what a token stores for the backward pass.
    double bytes_once() const { return 16.0 * num_params() + 4.0 * num_matrix_params(); }  // Muon's copies
    double bytes_per_token(bool bf16) const {
        if (bf16 && autoresearch::stores_little(wte.device(), config.head_dim()))
            return 24.0 * config.n_embd * config.n_layer;
        double numbers = 32.0 * config.n_embd * config.n_layer;
        if (!wte.is_cpu())  // where attention keeps its scores
            for (const Block& block : blocks) numbers += 3.0 * config.n_head * block.window;
        return 4 * numbers;
    }

    // Forward and backward: 6 per matmul weight, 12 per channel and position attended to.
    double flops_per_token() const {
        double attended = 0;
        for (const Block& block : blocks) attended += block.window;
        return 6.0 * (lm_head.numel() + num_matrix_params()) + 12 * config.n_embd * attended;
    }
};

// ---------------------------------------------------------------------------------------------------------
// Optimizer: Muon for the matrices of the layers, AdamW for embeddings, head and scalars

struct AdamGroup {
    std::vector<Tensor> params;
    double lr, beta1, beta2;
    std::vector<Tensor> exp_avg, exp_avg_sq, steps;  // one for each parameter; steps are 0-dim

    AdamGroup(std::vector<Tensor> group, double rate, double b1, double b2)
        : params(std::move(group)), lr(rate), beta1(b1), beta2(b2) {
        for (const Tensor& p : params) {
            exp_avg.push_back(at::zeros_like(p));
            exp_avg_sq.push_back(at::zeros_like(p));
            steps.push_back(at::zeros({}, p.options().requires_grad(false)));
        }
    }

    void step(double lr_scale) {
        std::vector<Tensor> grads;  // taken from the parameters, and gone after the step
        for (size_t i = 0; i < params.size(); ++i) {
            grads.push_back(std::exchange(params[i].mutable_grad(), {}));
            steps[i].add_(1);
        }
        at::_fused_adamw_(params, grads, exp_avg, exp_avg_sq, {}, steps, lr * lr_scale, beta1, beta2,
                          /*weight_decay=*/0, /*eps=*/1e-10, /*amsgrad=*/false, /*maximize=*/false);
    }
};

// Coefficients of the polar-express iteration, which drives all singular values to 1.
constexpr double POLAR_EXPRESS[][3] = {
    {8.156554524902461, -22.48329292557795, 15.878769915207462},
    {4.042929935166739, -2.808917465908714, 0.5000178451051316},
    {3.8916678022926607, -2.772484153217685, 0.5060648178503393},
    {3.285753657755655, -2.3681294933425376, 0.46449024233003106},
    {2.3465413258596377, -1.7097828382687081, 0.42323551169305323},
};

// x (n, rows, cols) -> the nearest matrices with orthogonal rows (or columns, if there are fewer of these)
Tensor orthogonalize(const Tensor& g) {
    Tensor x = g / (at::linalg_vector_norm(g, 2, {-2, -1}, /*keepdim=*/true) * 1.02 + 1e-6);
    if (g.is_cuda()) x = x.to(at::kBFloat16);
    const bool tall = g.size(-2) > g.size(-1);
    for (const auto& [a, b, c] : POLAR_EXPRESS) {
        const Tensor gram = tall ? at::bmm(x.mT(), x) : at::bmm(x, x.mT());
        const Tensor poly = at::baddbmm(gram, gram, gram, b, c);  // b gram + c gram^2
        x = tall ? at::baddbmm(x, x, poly, a) : at::baddbmm(x, poly, x, a);
    }
    return x.to(at::kFloat);
}

// Matrices of one shape, stacked, so that each operation runs once for all of them.
struct MuonGroup {
    int64_t rows, cols;
    std::vector<Tensor> params;  // (k*rows, cols) each: k matrices below each other
    double lr, weight_decay;
    Tensor momentum_buffer;  // (n, rows, cols)
    Tensor variance_buffer;  // (n, rows, 1) or (n, 1, cols): along the shorter side

    Tensor stacked(bool grads) const {  // (n, rows, cols)
        std::vector<Tensor> parts;
        for (const Tensor& p : params) parts.push_back((grads ? p.grad() : p).view({-1, rows, cols}));
        return at::cat(parts);
    }

    void step(double lr_scale, double momentum, double decay_scale) {
        Tensor g = stacked(true);
        const Tensor p = stacked(false);
        const int64_t along = rows >= cols ? -1 : -2;
        if (!momentum_buffer.defined()) {
            momentum_buffer = at::zeros_like(g);
            variance_buffer = at::zeros_like(g.select(along, 0).unsqueeze(along));
        }

        // Nesterov momentum, then orthogonalisation
        momentum_buffer.lerp_(g, 1 - momentum);
        g = orthogonalize(g.lerp_(momentum_buffer, momentum));

        // NorMuon: even out the variance of the rows (or columns), keep the norm
        const double size = static_cast<double>(g.size(along));
        const Tensor variance = g.square().mean(along, /*keepdim=*/true);
        variance_buffer.lerp_(variance, 1 - MUON_BETA2);
        const Tensor scale = variance_buffer.clamp_min(1e-10).rsqrt();
        const Tensor norm = (variance.sum({-2, -1}, true) * size).sqrt();
        const Tensor new_norm = (variance * scale.square()).sum({-2, -1}, true).mul(size).sqrt();
        g.mul_(scale * (norm / new_norm.clamp_min(1e-10)));

        // cautious weight decay: only where it does not work against the update
        const double rate = lr * lr_scale * std::sqrt(std::max(1.0, static_cast<double>(rows) / cols));
        const Tensor decay = p * (g * p).ge(0);
        g.add_(decay, weight_decay * decay_scale);
        int64_t first = 0;
        for (Tensor& param : params) {
            const int64_t k = param.size(0) / rows;
            param.sub_(g.narrow(0, first, k).view({-1, cols}), rate);
            param.mutable_grad().reset();
            first += k;
        }
    }
};

struct MuonAdamW {
    std::vector<AdamGroup> adam;
    std::vector<MuonGroup> muon;

    MuonAdamW(const GPT& model, DeviceClass d) {
        const double adam_scale = std::sqrt(768.0 / model.config.n_embd);  // rates were tuned at width 768
        const double embedding_lr = EMBEDDING_LR[d] * adam_scale;
        adam.emplace_back(std::vector{model.lm_head}, UNEMBEDDING_LR[d] * adam_scale, ADAM_BETA1, ADAM_BETA2);
        adam.emplace_back(std::vector{model.wte}, embedding_lr, ADAM_BETA1, ADAM_BETA2);
        adam.emplace_back(model.value_embeds, embedding_lr, ADAM_BETA1, ADAM_BETA2);
        adam.emplace_back(std::vector{model.resid_lambdas}, SCALAR_LR[d] * 0.01, ADAM_BETA1, ADAM_BETA2);
        adam.emplace_back(std::vector{model.x0_lambdas}, SCALAR_LR[d], 0.96, 0.95);

        std::map<std::pair<int64_t, int64_t>, std::vector<Tensor>> by_shape;
        for (const Block& block : model.blocks) {
            for (const Tensor& m : block.matrices()) {
                const int64_t rows = m.is_same(block.c_qkv) ? m.size(1) : m.size(0);  // q, k, v: one by one
                by_shape[{rows, m.size(1)}].push_back(m);
            }
        }
        for (const auto& [shape, params] : by_shape)
            muon.push_back({shape.first, shape.second, params, MATRIX_LR[d], WEIGHT_DECAY[d], {}, {}});
    }

    void step(double lr_scale, double muon_momentum, double decay_scale) {
        const at::NoGradGuard no_grad;
        for (AdamGroup& group : adam) group.step(lr_scale);
        for (MuonGroup& group : muon) group.step(lr_scale, muon_momentum, decay_scale);
    }
};

// ---------------------------------------------------------------------------------------------------------
// Schedules, by the share of the time budget spent

double lr_scale_at(double progress) {
    if (progress < WARMUP_RATIO) return progress / WARMUP_RATIO;
    if (progress < 1 - WARMDOWN_RATIO) return 1;
    const double left = (1 - progress) / WARMDOWN_RATIO;
    return left + (1 - left) * FINAL_LR_FRAC;
}

double muon_momentum_at(int64_t step) {
    const double share = std::min(1.0, static_cast<double>(step) / MOMENTUM_STEPS);
    return (1 - share) * MOMENTUM_START + share * MOMENTUM_END;
}

// ---------------------------------------------------------------------------------------------------------
// The run

int main(int argc, char** argv) {
    Session session(argc, argv);
    const auto d = session.device_class();

    const int n_head = (DEPTH[d] * ASPECT_RATIO[d] + HEAD_DIM[d] - 1) / HEAD_DIM[d];
    const Config config = {session.vocab_size(), session.seq_len(), DEPTH[d], n_head,
                           n_head * HEAD_DIM[d], WINDOW_PATTERN[d]};
    const GPT model(config, session.device());
    MuonAdamW optimizer(model, d);
    session.describe(model.num_params(), config.n_layer, model.flops_per_token());

    const bool bf16_pays = BF16[d] && session.bf16_pays();
    const int rows =
        session.fit_rows(DEVICE_BATCH_SIZE[d], model.bytes_once(), model.bytes_per_token(bf16_pays));
    const int passes = std::max(1, TOTAL_BATCH_SIZE[d] / (rows * config.seq_len));  // for one optimizer step

    auto batches = session.train_batches(rows);
    while (session.training()) {
        Tensor loss;
        for (int pass = 0; pass < passes; ++pass) {
            const auto [inputs, targets] = batches();
            const Bf16Autocast bf16(session.device(), bf16_pays);
            loss = model.loss(inputs, targets);
            (passes == 1 ? loss : loss / passes).backward();  // gradients add up
        }
        const double progress = session.progress();
        optimizer.step(lr_scale_at(progress), muon_momentum_at(session.steps()), 1 - progress);
        session.step(loss.detach(), static_cast<int64_t>(passes) * rows * config.seq_len);
    }

    session.evaluate([&](const Tensor& tokens) {
        const Bf16Autocast bf16(session.device(), bf16_pays);
        return model.logits(tokens);
    });
}
