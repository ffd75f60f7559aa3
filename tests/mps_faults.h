#pragma once

// Operators that are wrong, abort or lose precision on MPS, as far as this project could be hit by them. The
// test of the operators refuses a training step or evaluation that calls one. Add a row, with its link, when
// another is found.

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

namespace autoresearch {

struct MpsFault {
    std::vector<std::string> operators;  // names without the overload
    bool (*hits)(c10::ArrayRef<const c10::IValue> inputs);
    const char* what;
    const char* link;
};

inline const std::vector<MpsFault>& mps_faults() {
    using Inputs = c10::ArrayRef<const c10::IValue>;
    static constexpr auto half = [](const c10::IValue& v) {
        return v.isTensor() && v.toTensor().defined() && v.toTensor().is_floating_point() &&
               v.toTensor().scalar_type() != at::kFloat;
    };
    static constexpr auto given = [](Inputs in, std::size_t i) {
        return i < in.size() && in[i].isTensor() && in[i].toTensor().defined();
    };
    static constexpr auto always = [](Inputs) { return true; };
    static constexpr auto first_half = [](Inputs in) { return half(in[0]); };
    static const std::vector<MpsFault> faults = {
        {{"linear"},
         [](Inputs in) { return in[0].toTensor().dim() != 2 || !in[0].toTensor().is_contiguous(); },
         "linear of more than two dimensions, or not contiguous: results change from call to call",
         "https://github.com/pytorch/pytorch/issues/180776"},
        {{"linear"},
         [](Inputs in) { return given(in, 2); },
         "linear with a bias is wrong on some chips",
         "https://github.com/pytorch/pytorch/issues/192934"},
        {{"mm", "bmm"},
         [](Inputs in) { return in[0].toTensor().size(-1) >= 32767; },
         "a matmul that reduces over 32767 or more reads past its operands on M1 and M2",
         "https://github.com/pytorch/pytorch/issues/193487"},
        {{"scaled_dot_product_attention"},
         [](Inputs in) { return given(in, 3) && in[5].toBool(); },
         "a mask together with is_causal aborts",
         "https://github.com/pytorch/pytorch/issues/181856"},
        {{"scaled_dot_product_attention"},
         [](Inputs in) { return in[0].toTensor().size(-1) != in[2].toTensor().size(-1); },
         "values of another width than the queries give wrong results",
         "https://github.com/pytorch/pytorch/issues/176767"},
        {{"lerp", "lerp_"},
         first_half,
         "1 - beta of an average is 0 in half types",
         "https://github.com/karpathy/nanochat"},
        {{"linalg_vector_norm", "norm"},
         first_half,
         "the norm of a large matrix loses its precision in half types, NaN in the orthogonalisation",
         "https://github.com/karpathy/autoresearch/issues/205"},
        {{"addcdiv", "addcdiv_", "addcmul", "addcmul_"},
         [](Inputs in) { return !in[0].toTensor().is_contiguous(); },
         "silently wrong where the result is not contiguous",
         "https://github.com/pytorch/pytorch/issues/118115"},
        {{"linalg_qr"},
         always,
         "goes to the CPU above 512 rows",
         "https://github.com/pytorch/pytorch/blob/v2.13.0/aten/src/ATen/native/BatchLinearAlgebra.cpp"},
        {{"argmax", "argmin", "any", "all"},
         [](Inputs in) { return in[0].toTensor().numel() > (std::int64_t{1} << 32); },
         "silently wrong above 2^32 elements",
         "https://github.com/pytorch/pytorch/issues/194082"},
    };
    return faults;
}

}  // namespace autoresearch
