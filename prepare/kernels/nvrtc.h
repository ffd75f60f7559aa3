#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>

// Our kernels for NVIDIA's GPUs (gpu_*.cu), compiled at run time by the NVRTC that comes with libtorch's
// CUDA build. No CUDA toolkit and no header of it is needed, to build or to run: NVRTC and the driver are
// opened when they are first used.

namespace autoresearch::kernels {

/// The text of gpu_*.cu.
extern const char* const kPasses;

/// A cubin of them. `architecture` is such as "sm_90"; `defines` such as "-DWIDTH=512", separated by
/// blanks. std::runtime_error with the compiler's first words, or if there is no NVRTC in `folder` (empty:
/// the one that belongs to the running libtorch).
std::string compile_passes(const std::string& architecture, const std::string& defines,
                           const std::string& folder = "");

/// They for one size of a model, on one device.
class Passes {
  public:
    /// Null where this tensor's work takes the plain path: it is not on an NVIDIA GPU, is neither bf16 nor
    /// fp32, or the kernels failed here, which is said once on stderr and holds for the rest of the process.
    /// Compiled at first use.
    static const Passes* of(const at::Tensor& x, const std::string& defines);
    /// Those that of() gave before, also when something else has failed since: a backward pass needs what its
    /// forward pass took.
    static const Passes& taken(const at::Tensor& x, const std::string& defines);

    /// Runs a kernel on the current stream. Arguments must have exactly the types of its parameters, tensors
    /// as pointers. std::runtime_error when the driver refuses.
    template <class... Arguments>
    void launch(const char* kernel, std::int64_t blocks, int threads, Arguments... arguments) const {
        void* pointers[] = {static_cast<void*>(&arguments)...};
        start(kernel, blocks, threads, pointers);
    }

    /// For the tests: runs the kernels of tensors on the CPU by another build of them.
    using Launcher = std::function<void(const std::string& defines, const char* kernel, std::int64_t blocks,
                                        int threads, void** arguments)>;
    static Launcher& on_host();

  private:
    void make(int device, const std::string& defines);
    void start(const char* kernel, std::int64_t blocks, int threads, void** arguments) const;
    std::string defines_;
    void* module_ = nullptr;  // of the driver; null: not to be had
    int device_ = -1;         // negative: on_host()
    friend struct PassesOfSizes;
};

/// Compute capability of an NVIDIA GPU, such as 90; 0: the driver does not say.
int architecture(int device);
/// Its name; empty: the driver does not say.
std::string gpu_name(int device);

/// Why our kernels are not used on this process's GPU; empty: they are, as far as is known.
std::string& passes_fault();
/// Whether the harness settled that all trials of its run use them.
bool& path_is_settled();
/// Leaves them for the plain path, for the rest of the process, and says so on stderr. std::runtime_error
/// where the path is settled: a trial on another one could not be compared.
void take_plain_path(const std::string& fault);

}  // namespace autoresearch::kernels
