# The half that needs libtorch: the library `session`, and the folder ${CMAKE_BINARY_DIR}/kit that freezes everything a
# candidate's train.cpp is built against:
#   include/autoresearch/*.h with its precompiled header, libsession, prepare/ and configs/ and program.md to read,
#   kit.json (versions), and build-trainer, the one recipe that turns a train.cpp into a program.

# libtorch comes from TORCH_FOLDER, or else from the project's own .venv. We avoid find_package(Torch): for the CUDA build
# it requires the whole CUDA toolkit, which nothing here needs.
if(NOT TORCH_FOLDER)
    file(GLOB TORCH_FOLDER ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
endif()
if(NOT EXISTS "${TORCH_FOLDER}/version.py")
    message(FATAL_ERROR "no libtorch in .venv: run scripts/setup, or pass -DTORCH_FOLDER=<the folder that has include/, lib/ and version.py>")
endif()
add_library(torch INTERFACE)
target_include_directories(torch SYSTEM INTERFACE ${TORCH_FOLDER}/include ${TORCH_FOLDER}/include/torch/csrc/api/include)
foreach(name torch torch_cpu c10)
    target_link_libraries(torch INTERFACE ${TORCH_FOLDER}/lib/${CMAKE_SHARED_LIBRARY_PREFIX}${name}${CMAKE_SHARED_LIBRARY_SUFFIX})
endforeach()
if(NOT APPLE)
    # We use no symbol of libtorch.so, but it loads the CUDA half; some distributions' linkers drop such libraries.
    target_link_options(torch INTERFACE LINKER:--no-as-needed)
endif()
file(STRINGS ${TORCH_FOLDER}/version.py TORCH_VERSION_LINE REGEX "^__version__")
string(REGEX REPLACE ".*['\"]([^'\"]+)['\"].*" "\\1" KIT_TORCH_VERSION "${TORCH_VERSION_LINE}")

# at::parallel_for is serial without OpenMP. On macOS the code uses torch's own libomp, which is already loaded: a second one
# would abort the program.
if(APPLE)
    set(OPENMP_FLAG "-Xclang -fopenmp")
    set(OPENMP_LINK_FLAG "-Wl,-U,___kmpc_fork_call -Wl,-U,_omp_get_num_threads -Wl,-U,_omp_get_thread_num")
else()
    set(OPENMP_FLAG -fopenmp)
    set(OPENMP_LINK_FLAG -fopenmp)
endif()

file(GLOB SESSION_SOURCES CONFIGURE_DEPENDS prepare/session/*.cpp prepare/metric/*.cpp prepare/kernels/*.cpp)
if(APPLE)
    list(FILTER SESSION_SOURCES EXCLUDE REGEX "_linux\\.cpp$")
else()
    list(FILTER SESSION_SOURCES EXCLUDE REGEX "_macos\\.cpp$")
endif()
# The GPU's kernels, which are compiled when they are needed, travel as one text.
set(GPU_KERNELS)
foreach(name numbers rows heads logits)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS prepare/kernels/gpu_${name}.cu)
    file(READ prepare/kernels/gpu_${name}.cu TEXT)
    string(APPEND GPU_KERNELS "${TEXT}")
endforeach()
file(CONFIGURE OUTPUT gpu_kernels.cpp @ONLY CONTENT [[#include "prepare/kernels/nvrtc.h"
const char* const autoresearch::kernels::kPasses = R"kernels(@GPU_KERNELS@)kernels";
]])
set(KIT ${CMAKE_BINARY_DIR}/kit)
add_library(session SHARED ${SESSION_SOURCES} ${CMAKE_BINARY_DIR}/gpu_kernels.cpp)
target_include_directories(session PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
# cuDNN, where all headers are: torch's CUDA wheel brings cudnn.h, and scripts/setup the rest.
cmake_path(GET TORCH_FOLDER PARENT_PATH WHEELS)
file(GLOB CUDA_HEADERS ${WHEELS}/nvidia/cu1[0-9]/include)
if(EXISTS ${WHEELS}/nvidia/cudnn/include/cudnn.h AND EXISTS ${WHEELS}/include/cudnn_frontend.h
        AND EXISTS ${CUDA_HEADERS}/crt/host_defines.h AND EXISTS ${CUDA_HEADERS}/nv/target)
    set_source_files_properties(prepare/kernels/cudnn.cpp PROPERTIES COMPILE_OPTIONS
        "-DAUTORESEARCH_CUDNN;-DNV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING;-O1;SHELL:-isystem ${WHEELS}/nvidia/cudnn/include;SHELL:-isystem ${CUDA_HEADERS};SHELL:-isystem ${WHEELS}/include")
endif()
separate_arguments(OPENMP_LINK_FLAGS UNIX_COMMAND "${OPENMP_LINK_FLAG}")
target_compile_options(session PRIVATE "SHELL:${OPENMP_FLAG}")
# gcc warns about vector parameters, which are inlined here; -O2 even in a debug build, or the kernels crawl.
set_source_files_properties(prepare/kernels/attention.cpp prepare/kernels/cpu_ops.cpp prepare/kernels/head.cpp
    prepare/kernels/matmul.cpp prepare/metric/nats.cpp
    PROPERTIES COMPILE_OPTIONS "-O2;$<$<CXX_COMPILER_ID:GNU>:-Wno-psabi>")
target_link_libraries(session PUBLIC torch PRIVATE prepare_data CLI11::CLI11 project_warnings ${CMAKE_DL_LIBS})
target_link_options(session PRIVATE ${OPENMP_LINK_FLAGS} $<$<NOT:$<BOOL:${APPLE}>>:-Wl,--disable-new-dtags>)
set_target_properties(session PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${KIT} BUILD_RPATH ${TORCH_FOLDER}/lib)

# One recipe for every trainer. -O1: the time goes into libtorch and libsession, so more costs build time and gains nothing.
set(KIT_FLAGS "-std=c++20 -O1 -fPIE ${OPENMP_FLAG}")
set(KIT_LINK_FLAGS "${OPENMP_LINK_FLAG}")
set(KIT_TORCH_LIBRARIES "-ltorch -ltorch_cpu -lc10")
if(APPLE)
    string(APPEND KIT_FLAGS " -mmacosx-version-min=${CMAKE_OSX_DEPLOYMENT_TARGET}")
    string(APPEND KIT_LINK_FLAGS " -mmacosx-version-min=${CMAKE_OSX_DEPLOYMENT_TARGET}")
else()
    # Our folders come before those of LD_LIBRARY_PATH, where other versions of torch's libraries may lie.
    string(APPEND KIT_LINK_FLAGS " -pie -Wl,--disable-new-dtags")
    if(FAST_LINKER MATCHES "mold")
        string(APPEND KIT_LINK_FLAGS " -fuse-ld=mold")
    elseif(FAST_LINKER MATCHES "lld")
        string(APPEND KIT_LINK_FLAGS " -fuse-ld=lld")
    endif()
endif()
# clang takes a precompiled header by name; gcc finds it next to the header.
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    set(PCH_NAME session.h.pch)
    set(KIT_USE_PCH "-include-pch \"$kit/include/autoresearch/session.h.pch\"")
else()
    set(PCH_NAME session.h.gch)
    set(KIT_USE_PCH "-include \"$kit/include/autoresearch/session.h\"")
endif()
separate_arguments(KIT_FLAG_LIST UNIX_COMMAND "${KIT_FLAGS}")

configure_file(cmake/build-trainer.in ${KIT}/build-trainer @ONLY
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
file(CONFIGURE OUTPUT ${KIT}/kit.json CONTENT [[{
    "version": "@PROJECT_VERSION@",
    "torch": "@TORCH_FOLDER@",
    "torch_version": "@KIT_TORCH_VERSION@",
    "python": "@CMAKE_SOURCE_DIR@/.venv/bin/python",
    "compiler": "@CMAKE_CXX_COMPILER@",
    "compiler_version": "@CMAKE_CXX_COMPILER_ID@ @CMAKE_CXX_COMPILER_VERSION@"
}
]] @ONLY)

# Copied file by file, so that a build redoes what changed and nothing else.
set(KIT_FILES)
function(kit_copy)
    foreach(name ${ARGN})
        add_custom_command(OUTPUT ${KIT}/${name} DEPENDS ${CMAKE_SOURCE_DIR}/${name} VERBATIM
            COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_SOURCE_DIR}/${name} ${KIT}/${name})
        list(APPEND KIT_FILES ${KIT}/${name})
    endforeach()
    set(KIT_FILES ${KIT_FILES} PARENT_SCOPE)
endfunction()
file(GLOB KIT_HEADERS CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} include/autoresearch/*.h)
file(GLOB KIT_READING CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
    prepare/*/*.h prepare/*/*.cpp prepare/*/*.cu prepare/*/*.py util/*.h util/*.cpp configs/*.json program.md)
kit_copy(${KIT_HEADERS})
set(KIT_HEADER_COPIES ${KIT_FILES})
kit_copy(${KIT_READING})

set(PCH ${KIT}/include/autoresearch/${PCH_NAME})
add_custom_command(OUTPUT ${PCH} DEPENDS ${KIT_HEADER_COPIES} ${TORCH_FOLDER}/version.py VERBATIM
    COMMENT "Precompiling session.h"
    COMMAND ${CMAKE_CXX_COMPILER} ${KIT_FLAG_LIST} -w -I${KIT}/include -isystem ${TORCH_FOLDER}/include
        -isystem ${TORCH_FOLDER}/include/torch/csrc/api/include
        -x c++-header ${KIT}/include/autoresearch/session.h -o ${PCH})

add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/train VERBATIM
    DEPENDS train/train.cpp ${PCH} session ${KIT}/build-trainer
    COMMENT "Building train/train.cpp"
    COMMAND ${KIT}/build-trainer ${CMAKE_SOURCE_DIR}/train/train.cpp ${CMAKE_BINARY_DIR}/train)
add_custom_target(trainer_kit ALL DEPENDS ${KIT_FILES} ${PCH} ${CMAKE_BINARY_DIR}/train)
add_dependencies(trainer_kit session)
