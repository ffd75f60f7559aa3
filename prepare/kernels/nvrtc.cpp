#include "prepare/kernels/nvrtc.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <dlfcn.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "prepare/kernels/matmul.h"

namespace autoresearch::kernels {
namespace {

namespace fs = std::filesystem;

/// A function of a library, by its declared type.
template <class Function>
Function* function_of(void* library, const char* name) {
    auto* found = reinterpret_cast<Function*>(::dlsym(library, name));
    if (found == nullptr) throw std::runtime_error(std::string("no ") + name);
    return found;
}

/// The first library in `folders` whose name begins so, opened; null if there is none.
void* open_in(const std::vector<fs::path>& folders, const std::string& prefix) {
    std::error_code none;
    for (const fs::path& folder : folders)
        for (const auto& entry : fs::directory_iterator(folder, none))
            if (entry.path().filename().string().starts_with(prefix))
                if (void* library = ::dlopen(entry.path().c_str(), RTLD_NOW | RTLD_GLOBAL)) return library;
    return nullptr;
}

/// Where pip's wheels keep NVRTC, beside libtorch: nvidia/cu13/lib, nvidia/cuda_nvrtc/lib.
std::vector<fs::path> nvrtc_folders() {
    std::vector<fs::path> folders;
    Dl_info info{};
    if (::dladdr(reinterpret_cast<void*>(&at::globalContext), &info) == 0) return folders;
    const fs::path torch = fs::weakly_canonical(info.dli_fname).parent_path();  // site-packages/torch/lib
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(torch.parent_path().parent_path() / "nvidia", none))
        folders.push_back(entry.path() / "lib");
    folders.push_back(torch);
    return folders;
}

/// NVRTC, as far as it is needed.
struct Nvrtc {
    using Program = void*;
    int (*create)(Program*, const char*, const char*, int, const char* const*, const char* const*);
    int (*compile)(Program, int, const char* const*);
    int (*cubin_size)(Program, std::size_t*);
    int (*cubin)(Program, char*);
    int (*log_size)(Program, std::size_t*);
    int (*log)(Program, char*);
    int (*destroy)(Program*);

    explicit Nvrtc(const std::string& folder) {
        const std::vector<fs::path> folders =
            folder.empty() ? nvrtc_folders() : std::vector<fs::path>{folder};
        open_in(folders, "libnvrtc-builtins.so");  // which NVRTC would only look for in the system's folders
        void* library = open_in(folders, "libnvrtc.so");
        for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12"})
            if (library == nullptr && folder.empty()) library = ::dlopen(name, RTLD_NOW);
        if (library == nullptr) throw std::runtime_error("NVRTC is not installed beside libtorch");
        const auto get = [&](auto& member, const char* name) {
            member =
                function_of<std::remove_pointer_t<std::remove_reference_t<decltype(member)>>>(library, name);
        };
        get(create, "nvrtcCreateProgram");
        get(compile, "nvrtcCompileProgram");
        get(cubin_size, "nvrtcGetCUBINSize");
        get(cubin, "nvrtcGetCUBIN");
        get(log_size, "nvrtcGetProgramLogSize");
        get(log, "nvrtcGetProgramLog");
        get(destroy, "nvrtcDestroyProgram");
    }
};

/// NVIDIA's driver, which libtorch's CUDA half has initialised.
struct Driver {
    int (*attribute)(int*, int, int);
    int (*name)(char*, int, int);
    int (*load)(void**, const void*);
    int (*function)(void**, void*, const char*);
    int (*launch)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**,
                  void**);

    Driver() {
        void* library = ::dlopen("libcuda.so.1", RTLD_NOW);
        if (library == nullptr) throw std::runtime_error("NVIDIA's driver does not open");
        attribute = function_of<int(int*, int, int)>(library, "cuDeviceGetAttribute");
        name = function_of<int(char*, int, int)>(library, "cuDeviceGetName");
        load = function_of<int(void**, const void*)>(library, "cuModuleLoadData");
        function = function_of<int(void**, void*, const char*)>(library, "cuModuleGetFunction");
        launch = function_of<std::remove_pointer_t<decltype(launch)>>(library, "cuLaunchKernel");
    }
    static const Driver& get() {
        static const Driver driver;
        return driver;
    }
};

void check(int code, const std::string& what) {
    if (code != 0) throw std::runtime_error(what + " failed with the driver's code " + std::to_string(code));
}

std::mutex& mutex() {  // the backward pass has threads of its own
    static std::mutex one;
    return one;
}

}  // namespace

std::string compile_passes(const std::string& architecture, const std::string& defines,
                           const std::string& folder) {
    static std::map<std::string, Nvrtc> opened;
    const Nvrtc& nvrtc = opened.try_emplace(folder, folder).first->second;
    std::vector<std::string> options = {"--gpu-architecture=" + architecture, "--std=c++17"};
    std::istringstream words(defines);
    for (std::string word; words >> word;) options.push_back(word);
    std::vector<const char*> texts;
    texts.reserve(options.size());
    for (const std::string& option : options) texts.push_back(option.c_str());

    Nvrtc::Program program = nullptr;
    if (nvrtc.create(&program, kPasses, "gpu_kernels.cu", 0, nullptr, nullptr) != 0)
        throw std::runtime_error("NVRTC does not start");
    const int code = nvrtc.compile(program, static_cast<int>(texts.size()), texts.data());
    std::size_t size = 0;
    std::string text;
    if (code == 0) {
        nvrtc.cubin_size(program, &size);
        text.resize(size);
        nvrtc.cubin(program, text.data());
    } else {
        nvrtc.log_size(program, &size);
        text.resize(size);
        nvrtc.log(program, text.data());
    }
    nvrtc.destroy(&program);
    if (code == 0) return text;
    throw std::runtime_error("NVRTC: " + text.substr(0, 400));
}

int architecture(int device) {
    constexpr int kMajor = 75, kMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
    int major = 0, minor = 0;
    try {
        const Driver& driver = Driver::get();
        if (driver.attribute(&major, kMajor, device) != 0 || driver.attribute(&minor, kMinor, device) != 0)
            return 0;
    } catch (const std::runtime_error&) {
        return 0;
    }
    return 10 * major + minor;
}

std::string gpu_name(int device) {
    char name[256] = "";
    try {
        if (Driver::get().name(name, sizeof name, device) != 0) return "";
    } catch (const std::runtime_error&) {
        return "";
    }
    return name;
}

std::string& passes_fault() {
    static std::string fault;
    return fault;
}

bool& path_is_settled() {
    static bool settled = false;
    return settled;
}

void take_plain_path(const std::string& fault) {
    passes_fault() = fault;
    if (path_is_settled())
        throw std::runtime_error("this run's trials take the kernels' path, but here it fails: " + fault);
    std::cerr << "note: the GPU takes the plain path: " << fault << "\n";
}

/// Every size that this process met.
struct PassesOfSizes {
    static const Passes& get(const at::Tensor& x, const std::string& defines) {
        static std::map<std::pair<int, std::string>, Passes> known;
        const std::lock_guard lock(mutex());
        const int device = x.is_cuda() ? x.get_device() : -1;
        const std::string all = defines + (x.scalar_type() == at::kFloat ? " -DFP32" : "");
        const auto [found, is_new] = known.try_emplace({device, all});
        if (is_new) found->second.make(device, all);
        return found->second;
    }
};

void Passes::make(int device, const std::string& defines) {
    defines_ = defines;
    device_ = device;
    if (device < 0) return;
    try {
        const std::string cubin = compile_passes("sm_" + std::to_string(architecture(device)), defines);
        check(Driver::get().load(&module_, cubin.data()), "loading the kernels");
    } catch (const std::runtime_error& error) {
        take_plain_path(error.what());
    }
}

Passes::Launcher& Passes::on_host() {
    static Launcher launcher;
    return launcher;
}

const Passes* Passes::of(const at::Tensor& x, const std::string& defines) {
    const bool here = x.is_cuda() || (x.is_cpu() && on_host());
    const bool right = here && (x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kFloat);
    if (!right || plain_path() || !passes_fault().empty()) return nullptr;
    const Passes& passes = PassesOfSizes::get(x, defines);
    return passes_fault().empty() ? &passes : nullptr;
}

const Passes& Passes::taken(const at::Tensor& x, const std::string& defines) {
    return PassesOfSizes::get(x, defines);
}

void Passes::start(const char* kernel, std::int64_t blocks, int threads, void** arguments) const {
    if (device_ < 0) return on_host()(defines_, kernel, blocks, threads, arguments);
    void* function = nullptr;
    check(Driver::get().function(&function, module_, kernel), kernel);
    void* stream = at::accelerator::getCurrentStream(static_cast<c10::DeviceIndex>(device_)).native_handle();
    check(Driver::get().launch(function, static_cast<unsigned>(blocks), 1, 1, static_cast<unsigned>(threads),
                               1, 1, 0, stream, arguments, nullptr),
          kernel);
}

}  // namespace autoresearch::kernels
