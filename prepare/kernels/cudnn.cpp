#include "prepare/kernels/cudnn.h"

#ifdef AUTORESEARCH_CUDNN

#include <ATen/DeviceAccelerator.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <cudnn_frontend.h>
#include <dlfcn.h>

#include <chrono>
#include <cmath>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "prepare/kernels/matmul.h"

namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;  // where the frontend looks for cuDNN's functions
}

namespace autoresearch::cudnn {
namespace {

namespace fe = cudnn_frontend;
using at::Tensor;
using Sizes = std::vector<std::int64_t>;
using Attributes = std::shared_ptr<fe::graph::Tensor_attributes>;
using Pointers = std::unordered_map<std::int64_t, void*>;

void check(fe::error_t status) {
    if (status.is_bad()) throw std::runtime_error("cuDNN: " + status.get_message());
}
void check(cudnnStatus_t status) {
    if (status != CUDNN_STATUS_SUCCESS) throw std::runtime_error("cuDNN: code " + std::to_string(status));
}

/// On the current stream of the current device.
cudnnHandle_t handle() {
    static const cudnnHandle_t one = [] {
        fe::cudnn_dlhandle = ::dlopen("libcudnn.so.9", RTLD_NOW | RTLD_GLOBAL);  // libtorch's: it is loaded
        if (fe::cudnn_dlhandle == nullptr) throw std::runtime_error("cuDNN is not there");
        cudnnHandle_t made = nullptr;
        check(fe::detail::create_handle(&made));
        return made;
    }();
    const auto device = at::accelerator::getDeviceIndex();
    check(fe::detail::set_stream(
        one, static_cast<cudaStream_t>(at::accelerator::getCurrentStream(device).native_handle())));
    return one;
}

/// A graph of operations with the plan that executes it, for one set of sizes.
struct Plan {
    std::shared_ptr<fe::graph::Graph> graph = std::make_shared<fe::graph::Graph>();
    std::int64_t workspace = 0, index = -1;  // negative: the first plan

    Plan() {
        graph->set_io_data_type(fe::DataType_t::BFLOAT16)
            .set_intermediate_data_type(fe::DataType_t::FLOAT)
            .set_compute_data_type(fe::DataType_t::FLOAT);
    }
    void prepare() {
        const cudnnHandle_t h = handle();
        check(graph->validate());
        check(graph->build_operation_graph(h));
        check(graph->create_execution_plans({fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK}));
        check(graph->check_support());
    }
    /// The plan that cuDNN thinks is the fastest.
    void take_first() {
        prepare();
        check(graph->build_plans(fe::BuildPlanPolicy_t::HEURISTICS_CHOICE));
        check(graph->get_workspace_size(workspace));
    }
    /// The fastest of the first few: for matmuls with an epilogue cuDNN's guess is 10 to 15 % off.
    void take_fastest(const Pointers& pointers) {
        constexpr std::int64_t kTried = 2;  // half a second each
        prepare();
        float best = INFINITY;
        for (std::int64_t i = 0; i < std::min(kTried, graph->get_execution_plan_count()); ++i) {
            std::int64_t bytes = 0;
            if (graph->build_plan_at_index(handle(), i).is_bad()) continue;
            if (graph->get_workspace_size_plan_at_index(i, bytes).is_bad()) continue;
            const std::int64_t before = std::exchange(index, i),
                               bytes_before = std::exchange(workspace, bytes);
            float time = INFINITY;
            try {
                time = seconds(pointers);
            } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the next one may do
            }
            if (time < best) {
                best = time;
            } else {
                index = before, workspace = bytes_before;
            }
        }
        if (index < 0) throw std::runtime_error("cuDNN: no plan for a matmul");
    }
    void run(Pointers pointers) {
        const Tensor memory =
            at::empty({std::max<std::int64_t>(workspace, 1)}, at::TensorOptions(at::kCUDA).dtype(at::kByte));
        check(index < 0 ? graph->execute(handle(), pointers, memory.mutable_data_ptr())
                        : graph->execute_plan_at_index(handle(), pointers, memory.mutable_data_ptr(), index));
    }
    /// Of three runs, after one that does not count.
    float seconds(const Pointers& pointers) {
        std::chrono::steady_clock::time_point begun;
        for (int i = 0; i < 4; ++i) {
            if (i == 1) {
                at::accelerator::synchronizeDevice(at::accelerator::getDeviceIndex());
                begun = std::chrono::steady_clock::now();
            }
            run(pointers);
        }
        at::accelerator::synchronizeDevice(at::accelerator::getDeviceIndex());
        return std::chrono::duration<float>(std::chrono::steady_clock::now() - begun).count();
    }
    Attributes input(std::int64_t id, const Sizes& sizes, const Sizes& strides) {
        return graph->tensor(fe::graph::Tensor_attributes().set_uid(id).set_dim(sizes).set_stride(strides));
    }
};

void* at_start(const Tensor& t) {
    return const_cast<void*>(t.const_data_ptr());
}
void output(const Attributes& t, std::int64_t id, const Sizes& sizes, const Sizes& strides) {
    t->set_output(true).set_uid(id).set_dim(sizes).set_stride(strides);
}

enum Id : std::int64_t { kQ = 1, kK, kV, kY, kLogSums, kDy, kDq, kDk, kDv };

/// (B, T, H, D) as cuDNN orders it: (B, H, T, D).
Sizes in_order(at::IntArrayRef each) {
    return {each[0], each[2], each[1], each[3]};
}

template <class Options>
Options over_window(Options options, std::int64_t T, std::int64_t D, std::int64_t window) {
    options.set_attn_scale(1 / std::sqrt(static_cast<float>(D)))
        .set_diagonal_alignment(fe::DiagonalAlignment_t::TOP_LEFT)
        .set_diagonal_band_right_bound(0);
    if (window < T) options.set_diagonal_band_left_bound(static_cast<int>(window));
    return options;
}

void build_attention(Plan& plan, const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window,
                     bool backward) {
    const std::int64_t B = q.size(0), T = q.size(1), H = q.size(2), D = q.size(3);
    const Sizes sizes = {B, H, T, D}, dense = {T * H * D, D, H * D, 1}, row = {B, H, T, 1},
                rows = {H * T, T, 1, 1};
    const Attributes queries = plan.input(kQ, sizes, in_order(q.strides())),
                     keys = plan.input(kK, sizes, in_order(k.strides())),
                     values = plan.input(kV, sizes, in_order(v.strides()));
    if (!backward) {
        auto [y, log_sums] = plan.graph->sdpa(
            queries, keys, values,
            over_window(fe::graph::SDPA_attributes().set_generate_stats(true), T, D, window));
        output(y, kY, sizes, dense);
        output(log_sums, kLogSums, row, rows);
        log_sums->set_data_type(fe::DataType_t::FLOAT);
    } else {
        const Attributes y = plan.input(kY, sizes, dense), dy = plan.input(kDy, sizes, dense),
                         log_sums = plan.input(kLogSums, row, rows);
        log_sums->set_data_type(fe::DataType_t::FLOAT);
        auto [dq, dk, dv] =
            plan.graph->sdpa_backward(queries, keys, values, y, dy, log_sums,
                                      over_window(fe::graph::SDPA_backward_attributes(), T, D, window));
        const Sizes side_by_side = {3 * T * H * D, D, 3 * H * D, 1};
        output(dq, kDq, sizes, side_by_side);
        output(dk, kDk, sizes, side_by_side);
        output(dv, kDv, sizes, side_by_side);
    }
    plan.take_first();
}

enum MatmulId : std::int64_t { kLeft = 1, kRight, kSquare, kProduct };

fe::graph::Pointwise_attributes pointwise(fe::PointwiseMode_t mode) {
    return fe::graph::Pointwise_attributes().set_mode(mode).set_compute_data_type(fe::DataType_t::FLOAT);
}

/// left (M, K) times right (K, N), whose strides are given; then relu and square, or times the root of a
/// square.
void build_matmul(Plan& plan, std::int64_t M, std::int64_t K, std::int64_t N, at::IntArrayRef right_strides,
                  bool backward, const Pointers& pointers) {
    const Attributes left = plan.input(kLeft, {1, M, K}, {M * K, K, 1}),
                     right = plan.input(kRight, {1, K, N}, {K * N, right_strides[0], right_strides[1]});
    const Attributes product = plan.graph->matmul(
        left, right, fe::graph::Matmul_attributes().set_compute_data_type(fe::DataType_t::FLOAT));
    product->set_data_type(fe::DataType_t::FLOAT);
    Attributes factor;
    if (!backward) {
        factor = plan.graph->pointwise(product, pointwise(fe::PointwiseMode_t::RELU_FWD));
    } else {
        const Attributes square = plan.input(kSquare, {1, M, N}, {M * N, N, 1});
        factor = plan.graph->pointwise(square, pointwise(fe::PointwiseMode_t::SQRT));
    }
    factor->set_data_type(fe::DataType_t::FLOAT);
    const Attributes result =
        plan.graph->pointwise(backward ? product : factor, factor, pointwise(fe::PointwiseMode_t::MUL));
    output(result, kProduct, {1, M, N}, {M * N, N, 1});
    result->set_data_type(fe::DataType_t::BFLOAT16);
    plan.take_fastest(pointers);
}

/// Whether it went well; if not, cuDNN does no more such work.
template <class Action>
bool without_fault(Work work, const Action& action) {
    try {
        action();
        return true;
    } catch (const std::exception& error) {
        fault(work) = error.what();
        std::cerr << "note: the GPU works without cuDNN's "
                  << (work == Work::attention ? "attention" : "matmuls") << ": " << fault(work) << "\n";
        return false;
    }
}

/// The plan of these sizes, built at the first call. Null, also from then on, when something fails; but a
/// plan that is there stays, since a backward pass needs what its forward pass took.
template <class Build>
Plan* plan_of(Work work, const Sizes& key, const Build& build) {
    static std::map<Sizes, std::unique_ptr<Plan>> plans;
    static std::mutex mutex;  // the backward pass has threads of its own
    const std::lock_guard lock(mutex);
    if (const auto found = plans.find(key); found != plans.end()) return found->second.get();
    if (kernels::plain_path() || !fault(work).empty()) return nullptr;
    auto plan = std::make_unique<Plan>();
    if (!without_fault(work, [&] { build(*plan); })) return nullptr;
    return (plans[key] = std::move(plan)).get();
}

bool run(Work work, Plan* plan, const Pointers& pointers) {
    return plan != nullptr && without_fault(work, [&] { plan->run(pointers); });
}

Plan* attention_plan(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window, bool backward) {
    Sizes key = {backward ? 1 : 0, window};
    for (const at::IntArrayRef part : {q.sizes(), q.strides(), k.strides(), v.strides()})
        key.insert(key.end(), part.begin(), part.end());
    return plan_of(Work::attention, key,
                   [&](Plan& plan) { build_attention(plan, q, k, v, window, backward); });
}

}  // namespace

std::string& fault(Work work) {
    static std::string faults[2];
    return faults[work == Work::attention ? 0 : 1];
}
bool built() {
    return true;
}

bool attention_forward(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window,
                       const Tensor& y, const Tensor& log_sums) {
    // Whoever takes the forward pass needs the backward pass, too.
    if (!fault(Work::attention).empty()) return false;
    if (q.requires_grad() && attention_plan(q, k, v, window, /*backward=*/true) == nullptr) return false;
    return run(Work::attention, attention_plan(q, k, v, window, /*backward=*/false),
               {{kQ, at_start(q)},
                {kK, at_start(k)},
                {kV, at_start(v)},
                {kY, at_start(y)},
                {kLogSums, at_start(log_sums)}});
}

bool attention_backward(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t window,
                        const Tensor& y, const Tensor& log_sums, const Tensor& dy, const Tensor& dqkv) {
    const auto part = [&](int i) { return at_start(dqkv.select(2, i)); };
    return run(Work::attention, attention_plan(q, k, v, window, /*backward=*/true),
               {{kQ, at_start(q)},
                {kK, at_start(k)},
                {kV, at_start(v)},
                {kY, at_start(y)},
                {kLogSums, at_start(log_sums)},
                {kDy, at_start(dy)},
                {kDq, part(0)},
                {kDk, part(1)},
                {kDv, part(2)}});
}

bool squared_matmul(const Tensor& x, const Tensor& w, const Tensor& y) {
    if (!fault(Work::matmul).empty()) return false;
    const std::int64_t M = x.size(0), K = x.size(1), N = w.size(0);
    const Pointers pointers = {{kLeft, at_start(x)}, {kRight, at_start(w)}, {kProduct, at_start(y)}};
    const auto build = [&](Plan& plan) { build_matmul(plan, M, K, N, {1, K}, /*backward=*/false, pointers); };
    return run(Work::matmul, plan_of(Work::matmul, {2, M, K, N}, build), pointers);
}

bool sloped_matmul(const Tensor& g, const Tensor& w, const Tensor& y, const Tensor& dx) {
    if (!fault(Work::matmul).empty()) return false;
    const std::int64_t M = g.size(0), K = g.size(1), N = w.size(1);
    const Tensor twice = w * 2;  // exact: the root's factor
    const Pointers pointers = {
        {kLeft, at_start(g)}, {kRight, at_start(twice)}, {kSquare, at_start(y)}, {kProduct, at_start(dx)}};
    const auto build = [&](Plan& plan) { build_matmul(plan, M, K, N, {N, 1}, /*backward=*/true, pointers); };
    return run(Work::matmul, plan_of(Work::matmul, {3, M, K, N}, build), pointers);
}

}  // namespace autoresearch::cudnn

#else

namespace autoresearch::cudnn {

using at::Tensor;

std::string& fault(Work) {
    static std::string one = "built without NVIDIA's headers";
    return one;
}
bool built() {
    return false;
}
bool attention_forward(const Tensor&, const Tensor&, const Tensor&, std::int64_t, const Tensor&,
                       const Tensor&) {
    return false;
}
bool attention_backward(const Tensor&, const Tensor&, const Tensor&, std::int64_t, const Tensor&,
                        const Tensor&, const Tensor&, const Tensor&) {
    return false;
}
bool squared_matmul(const Tensor&, const Tensor&, const Tensor&) {
    return false;
}
bool sloped_matmul(const Tensor&, const Tensor&, const Tensor&, const Tensor&) {
    return false;
}

}  // namespace autoresearch::cudnn
#endif
