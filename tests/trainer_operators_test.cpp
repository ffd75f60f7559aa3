// Is train.cpp ready for a Mac? Every ATen operator of a training step and of the evaluation is recorded, on
// the CPU, with everything switched off that only the CPU has, and held against what MPS can do.

#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "mps_faults.h"
#include "prepare/kernels/matmul.h"
#include "prepare/metric/evaluate.h"
#include "trainer_fixture.h"
#include "trainer_source.h"

namespace {

using Inputs = c10::ArrayRef<const c10::IValue>;

/// Whether each operator of native_functions.yaml, the list that torch itself is generated from, runs on MPS:
/// it has a kernel there, or is made of others.
std::map<std::string, bool> operators_of_mps() {
    const auto about = nlohmann::json::parse(
        autoresearch::read_text(std::filesystem::path(TEST_BINARY_DIR) / "kit" / "kit.json"));
    std::ifstream file(std::filesystem::path(about.at("torch").get<std::string>()).parent_path() /
                       "torchgen/packaged/ATen/native/native_functions.yaml");
    std::map<std::string, bool> runs;
    std::map<std::string, std::string> delegates;
    std::string name;
    bool in_dispatch = false;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("- func: ")) {
            name = line.substr(8, line.find('(') - 8);
            runs[name] = true;  // without a dispatch it is composite
            in_dispatch = false;
        } else if (line.starts_with("  structured_delegate: ")) {
            delegates[name] = line.substr(23);
        } else if (line == "  dispatch:") {
            in_dispatch = true;
            runs[name] = false;
        } else if (in_dispatch && line.starts_with("    ")) {
            std::istringstream keys(line.substr(0, line.find(':')));
            for (std::string key; std::getline(keys, key, ',');) {
                key.erase(0, key.find_first_not_of(' '));
                if (key == "MPS" || key.starts_with("Composite")) runs[name] = true;
            }
        } else {
            in_dispatch = false;
        }
    }
    for (const auto& [from, to] : delegates) runs[from] = runs.count(to) > 0 && runs.at(to);
    return runs;
}

/// Looks at every operator that is called while it lives.
class Recorder {
  public:
    Recorder() {
        current_ = this;
        handle_ = at::addGlobalCallback(
            at::RecordFunctionCallback(called).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
    }
    ~Recorder() {
        at::removeCallback(handle_);
        current_ = nullptr;
    }
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    std::set<std::string> seen, faults;

  private:
    static std::unique_ptr<at::ObserverContext> called(const at::RecordFunction& call) {
        const auto name = call.operator_name();
        if (!name || name->name.rfind("aten::", 0) != 0) return nullptr;
        const std::lock_guard lock(current_->mutex_);
        current_->look(name->name.substr(6), name->overload_name, call.inputs());
        return nullptr;
    }

    void look(const std::string& name, const std::string& overload, Inputs inputs) {
        const std::string full = overload.empty() ? name : name + "." + overload;
        static const std::map<std::string, bool> mps = operators_of_mps();
        seen.insert(full);
        const auto known = mps.find(full);
        if (known == mps.end() || !known->second) faults.insert(full + ": no MPS kernel");
        for (const auto& fault : autoresearch::mps_faults()) {
            if (std::count(fault.operators.begin(), fault.operators.end(), name) && fault.hits(inputs))
                faults.insert(full + ": " + fault.what + ", " + fault.link);
        }
        look_at_types(name, full, inputs);
    }

    /// A double written in the source is a tensor of no dimensions here, and a plain number on the device.
    void look_at_types(const std::string& name, const std::string& full, Inputs inputs) {
        std::set<at::ScalarType> types;
        for (const c10::IValue& input : inputs) {
            if (!input.isTensor() || !input.toTensor().defined()) continue;
            const Tensor& tensor = input.toTensor();
            if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) continue;
            if (tensor.scalar_type() == at::kDouble) faults.insert(full + ": a float64 tensor");
            if (tensor.is_floating_point()) types.insert(tensor.scalar_type());
        }
        static const std::set<std::string> elementwise = {"add",  "add_",  "sub",     "sub_",
                                                          "mul",  "mul_",  "div",     "div_",
                                                          "lerp", "lerp_", "addcmul", "addcdiv"};
        // A sum into fp32 upcasts nothing: torch's own attention adds its mask so.
        const bool into_fp32 = name == "add_" && inputs[0].toTensor().scalar_type() == at::kFloat;
        if (elementwise.count(name) && types.size() > 1 && !into_fp32)
            faults.insert(full + ": two types in one elementwise operation (karpathy/nanochat issue 741)");
    }

    static inline Recorder* current_ = nullptr;
    at::CallbackHandle handle_;
    std::mutex mutex_;
};

/// Attention as MPS has it with gradients, no kernels of our own.
class Operators : public testing::Test {
  protected:
    void SetUp() override {
        at::manual_seed(1);
        autoresearch::kernels::plain_path() = true;
        at::globalContext().setSDPUseFlash(false);
    }
    void TearDown() override {
        autoresearch::kernels::plain_path() = false;
        at::globalContext().setSDPUseFlash(true);
    }

    static std::string listed(const std::set<std::string>& faults) {
        std::string text;
        for (const std::string& fault : faults) text += fault + "\n";
        return text;
    }

    static void train_and_evaluate(bool bf16) {
        const auto& data = autoresearch::small_data();
        const Config config = {data.meta.vocab_size, 256, 3, 2, 128, "SL"};
        const GPT model(config, at::kCPU);
        MuonAdamW optimizer(model, autoresearch::DeviceClass::mps);
        const Tensor tokens = at::randint(config.vocab_size, {2, 257}, at::kLong);
        const Recorder recorder;
        const autoresearch::Bf16Autocast autocast(at::kCPU, bf16);
        for (int pass = 0; pass < 2; ++pass) {
            const Tensor loss = model.loss(tokens.narrow(1, 0, 256), tokens.narrow(1, 1, 256));
            (loss / 2).backward();
        }
        {
            const autoresearch::Bf16Autocast outside(at::kCPU, false);
            at::autocast::set_autocast_enabled(at::kCPU, false);  // as in main: the optimizer has none
            optimizer.step(0.5, 0.9, 0.5);
            at::autocast::set_autocast_enabled(at::kCPU, bf16);
        }
        EXPECT_EQ(model.features(tokens.narrow(1, 0, 256)).scalar_type(), bf16 ? at::kBFloat16 : at::kFloat);
        const double bpb = autoresearch::bits_per_byte([&](const Tensor& t) { return model.logits(t); },
                                                       data.meta, data.directory, "val", 512, at::kCPU);
        EXPECT_TRUE(std::isfinite(bpb));
        EXPECT_EQ(listed(recorder.faults), "");
        // All three parts were really seen.
        for (const char* name : {"embedding", "linear", "bmm", "_fused_adamw_", "embedding_dense_backward",
                                 "_local_scalar_dense"})
            EXPECT_TRUE(recorder.seen.count(name)) << name;
        EXPECT_GT(recorder.seen.size(), 40U);
        for (const AdamGroup& group : optimizer.adam)
            for (const Tensor& p : group.params) EXPECT_EQ(p.scalar_type(), at::kFloat);
        for (const Tensor& p : model.matrices) EXPECT_EQ(p.scalar_type(), at::kFloat);
    }
};

TEST_F(Operators, OfAStepAndAnEvaluationRunOnMps) {
    train_and_evaluate(false);
}

TEST_F(Operators, StayInBf16UnderAutocast) {
    train_and_evaluate(true);
}

TEST_F(Operators, TheRecorderFindsWhatIsWrong) {
    const std::vector<std::pair<std::string, std::function<void()>>> cases = {
        {"more than two dimensions", [] { at::linear(at::ones({2, 3, 4}), at::ones({5, 4})); }},
        {"with a bias", [] { at::linear(at::ones({3, 4}), at::ones({5, 4}), at::ones({5})); }},
        {"float64", [] { at::ones({2}, at::kDouble).exp(); }},
        {"two types", [] { at::ones({2}).add(at::ones({2}, at::kBFloat16)); }},
        {"32767", [] { at::mm(at::ones({1, 32767}), at::ones({32767, 1})); }},
        {"half types", [] { at::ones({2}, at::kBFloat16).lerp_(at::ones({2}, at::kBFloat16), 0.1); }},
        {"_linalg_svd: no MPS kernel", [] { at::linalg_svd(at::ones({2, 2})); }},
        {"no MPS kernel", [] {
             at::globalContext().setSDPUseFlash(true);
             const Tensor q = at::ones({1, 1, 4, 8});
             at::scaled_dot_product_attention(q, q, q);
         }}};
    for (const auto& [expected, call] : cases) {
        const Recorder recorder;
        call();
        EXPECT_NE(listed(recorder.faults).find(expected), std::string::npos) << listed(recorder.faults);
    }
    const Recorder recorder;
    at::ones({2}).mul(0.5).add(at::ones({2}));
    EXPECT_EQ(listed(recorder.faults), "");
}

}  // namespace
