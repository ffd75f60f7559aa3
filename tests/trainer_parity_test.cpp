// train.cpp against the Python original, whose numbers scripts/make-golden has stored: logits, loss,
// gradients, and parameters after three optimizer steps, by the kernels of the CPU and by the plain path of
// other devices.

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "prepare/kernels/matmul.h"
#include "trainer_source.h"

namespace {

using nlohmann::json;

/// Numbers in [-1, 1), as scripts/make-golden draws them.
Tensor numbers(int64_t count, uint32_t seed) {
    Tensor out = at::empty({count}, at::kDouble);
    for (int64_t i = 0; i < count; ++i) {
        seed = seed * 1664525u + 1013904223u;
        out.data_ptr<double>()[i] = seed / 2147483648.0 - 1;
    }
    return out;
}

/// The original's names, and where their numbers are here: q, k and v are parts of one matrix.
struct Named {
    Tensor parameter;
    int part = -1, parts = 1;  // of the rows; -1: all
    Tensor view(const Tensor& of) const {
        return part < 0 ? of : of.narrow(0, part * of.size(0) / parts, of.size(0) / parts);
    }
};

std::map<std::string, Named> by_original_name(const GPT& model) {
    std::map<std::string, Named> all = {{"transformer.wte.weight", {model.wte}},
                                        {"lm_head.weight", {model.lm_head}},
                                        {"resid_lambdas", {model.resid_lambdas}},
                                        {"x0_lambdas", {model.x0_lambdas}}};
    for (size_t i = 0; i < model.blocks.size(); ++i) {
        const Block& block = model.blocks[i];
        const std::string layer = "transformer.h." + std::to_string(i) + ".";
        all[layer + "attn.c_q.weight"] = {block.c_qkv, 0, 3};
        all[layer + "attn.c_k.weight"] = {block.c_qkv, 1, 3};
        all[layer + "attn.c_v.weight"] = {block.c_qkv, 2, 3};
        all[layer + "attn.c_proj.weight"] = {block.c_proj};
        all[layer + "mlp.c_fc.weight"] = {block.mlp_fc};
        all[layer + "mlp.c_proj.weight"] = {block.mlp_proj};
        if (!block.value_embed.defined()) continue;
        all[layer + "attn.ve_gate.weight"] = {block.value_gate};
        all["value_embeds." + std::to_string(i) + ".weight"] = {block.value_embed};
    }
    return all;
}

/// Relative to the largest number of the tensor.
void expect_near(const Tensor& actual, const json& golden, int64_t kept, double tolerance) {
    const Tensor flat = actual.detach().to(at::kDouble).contiguous().view({-1});
    const auto values = golden.at("values").get<std::vector<double>>();
    ASSERT_EQ((flat.numel() + kept - 1) / kept, static_cast<int64_t>(values.size()));
    double largest = 1e-6, difference = 0;
    for (size_t i = 0; i < values.size(); ++i) {
        const double value = flat.data_ptr<double>()[static_cast<int64_t>(i) * kept];
        largest = std::max(largest, std::abs(values[i]));
        difference = std::max(difference, std::abs(value - values[i]));
    }
    EXPECT_LT(difference, tolerance * largest);
    const double squares = golden.at("squares").get<double>();
    EXPECT_NEAR(flat.square().sum().item<double>(), squares, 2 * tolerance * std::max(squares, 1e-6));
}

class Parity : public testing::TestWithParam<bool> {
  protected:
    void SetUp() override { autoresearch::kernels::plain_path() = GetParam(); }
    void TearDown() override { autoresearch::kernels::plain_path() = false; }
};
INSTANTIATE_TEST_SUITE_P(Paths, Parity, testing::Bool(),
                         [](const auto& one) { return one.param ? "Plain" : "Fused"; });

GPT original_model(const json& config) {
    GPT model({config.at("vocab_size"), config.at("sequence_len"), config.at("n_layer"), config.at("n_head"),
               config.at("n_embd"), config.at("window_pattern")},
              at::kCPU);
    const at::NoGradGuard no_grad;
    uint32_t seed = 0;
    for (const auto& [name, named] : by_original_name(model)) {  // sorted by name, as there
        const Tensor p = named.view(named.parameter);
        p.copy_((numbers(p.numel(), ++seed) * (p.dim() > 1 ? 0.3 : 1)).to(at::kFloat).view(p.sizes()));
    }
    return model;
}

MuonAdamW original_optimizer(const GPT& model, const json& rates) {
    MuonAdamW optimizer(model, autoresearch::DeviceClass::mps);
    const double scale = 1 / std::sqrt(model.config.n_embd / 768.0);
    const double embedding = rates.at("embedding_lr").get<double>() * scale,
                 scalar = rates.at("scalar_lr").get<double>();
    const double lr[] = {rates.at("unembedding_lr").get<double>() * scale, embedding, embedding,
                         scalar * 0.01, scalar};
    for (size_t i = 0; i < optimizer.adam.size(); ++i) optimizer.adam[i].lr = lr[i];
    for (MuonGroup& group : optimizer.muon) {
        group.lr = rates.at("matrix_lr");
        group.weight_decay = rates.at("weight_decay");
    }
    return optimizer;
}

TEST_P(Parity, ModelAndOptimizerAreTheOriginals) {
    std::ifstream file(std::string(TEST_SOURCE_DIR) + "/tests/golden/trainer_parity.json");
    const json golden = json::parse(file);
    const int64_t kept = golden.at("kept");
    ASSERT_EQ(golden.at("cases").size(), 2U);
    for (const json& expected : golden.at("cases")) {
        const json& config = expected.at("config");
        SCOPED_TRACE(config.dump());
        const GPT model = original_model(config);
        const int64_t rows = config.at("rows"), count = rows * model.config.seq_len;
        const Tensor tokens = numbers(count + 1, 99).add(1).mul(model.config.vocab_size / 2.0).to(at::kLong);
        const Tensor inputs = tokens.narrow(0, 0, count).view({rows, -1});
        const Tensor targets = tokens.narrow(0, 1, count).view({rows, -1});
        const auto names = by_original_name(model);
        ASSERT_EQ(names.size(), expected.at("parameters").size());

        expect_near(model.logits(inputs), expected.at("logits"), kept, 1e-5);
        MuonAdamW optimizer = original_optimizer(model, golden.at("rates"));
        for (const json& step : golden.at("steps")) {
            const Tensor loss = model.loss(inputs, targets);
            loss.backward();
            if (step == golden.at("steps")[0]) {
                EXPECT_NEAR(loss.item<double>(), expected.at("loss").get<double>(), 1e-5);
                for (const auto& [name, named] : names) {
                    SCOPED_TRACE("gradient of " + name);
                    expect_near(named.view(named.parameter.grad()),
                                expected.at("parameters").at(name).at("gradient"), kept, 1e-4);
                }
            }
            optimizer.step(step.at("lr_scale"), step.at("momentum"), step.at("decay_scale"));
        }
        for (const auto& [name, named] : names) {
            SCOPED_TRACE(name + " after three steps");
            expect_near(named.view(named.parameter), expected.at("parameters").at(name).at("after"), kept,
                        1e-3);
        }
    }
}

}  // namespace
