// cubins FOLDER: compiles the GPU's kernels with the NVRTC in that folder, for every architecture and kind of
// size that is supported. No GPU is needed. For tests/peer/cubins.
#include <cstdio>
#include <exception>

#include "prepare/kernels/nvrtc.h"

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    int failed = 0;
    for (const char* architecture : {"sm_80", "sm_90", "sm_120", "sm_121"})
        for (const char* type : {"", " -DFP32"})
            for (const char* defines : {"", "-DWIDTH=512", "-DWIDTH=1288", "-DHEAD=64", "-DHEAD=128",
                                        "-DVOCAB=8192 -DTHREADS=512", "-DVOCAB=32768 -DTHREADS=512"})
                try {
                    autoresearch::kernels::compile_passes(architecture, std::string(defines) + type, argv[1]);
                } catch (const std::exception& error) {
                    std::printf("%s%s for %s: %s\n", defines, type, architecture, error.what());
                    ++failed;
                }
    return failed == 0 ? 0 : 1;
}
