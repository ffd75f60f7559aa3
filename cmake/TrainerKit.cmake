# The half that needs libtorch: the library `session`, and the folder ${CMAKE_BINARY_DIR}/kit that freezes everything a
# candidate's train.cpp is built against:
#   include/autoresearch/*.h with its precompiled header, libsession, prepare/ and configs/ and program.md to read,
#   kit.json (versions), and build-trainer, the one recipe that turns a train.cpp into a program.

# libtorch: the one of the project's own .venv, else whatever CMAKE_PREFIX_PATH leads to.
file(GLOB VENV_TORCH ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch/share/cmake)
if(VENV_TORCH)
    list(APPEND CMAKE_PREFIX_PATH ${VENV_TORCH})
endif()
find_package(Torch REQUIRED)
set(TORCH_FOLDER ${TORCH_INSTALL_PREFIX})
cmake_path(NORMAL_PATH TORCH_FOLDER)
string(REGEX REPLACE "/$" "" TORCH_FOLDER "${TORCH_FOLDER}")
file(STRINGS ${TORCH_FOLDER}/version.py TORCH_VERSION_LINE REGEX "^__version__")
string(REGEX REPLACE ".*['\"]([^'\"]+)['\"].*" "\\1" KIT_TORCH_VERSION "${TORCH_VERSION_LINE}")

# at::parallel_for is serial without OpenMP. Not on macOS, where a second libomp beside torch's ends the program.
if(NOT APPLE)
    set(OPENMP_FLAG -fopenmp)
endif()

file(GLOB SESSION_SOURCES CONFIGURE_DEPENDS prepare/session/*.cpp)
if(APPLE)
    list(FILTER SESSION_SOURCES EXCLUDE REGEX "_linux\\.cpp$")
else()
    list(FILTER SESSION_SOURCES EXCLUDE REGEX "_macos\\.cpp$")
endif()
set(KIT ${CMAKE_BINARY_DIR}/kit)
add_library(session SHARED ${SESSION_SOURCES})
target_include_directories(session PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
target_compile_options(session PRIVATE ${OPENMP_FLAG})
# gcc warns of vectors as parameters, which are inlined here; -O2 also in a debug build, or the kernels crawl.
set_source_files_properties(prepare/session/attention.cpp prepare/session/matmul.cpp
    prepare/session/nats.cpp prepare/session/ops.cpp
    PROPERTIES COMPILE_OPTIONS "-O2;$<$<CXX_COMPILER_ID:GNU>:-Wno-psabi>")
target_link_libraries(session PUBLIC torch PRIVATE prepare_data CLI11::CLI11 project_warnings)
if(OPENMP_FLAG)
    target_link_options(session PRIVATE ${OPENMP_FLAG})
endif()
set_target_properties(session PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${KIT} BUILD_RPATH ${TORCH_FOLDER}/lib)

# One recipe for every trainer. -O1: the time goes into libtorch and libsession, so more costs and gives nothing.
set(KIT_FLAGS "-std=c++20 -O1 -fPIE ${OPENMP_FLAG} ${TORCH_CXX_FLAGS}")
set(KIT_LINK_FLAGS "${OPENMP_FLAG}")
set(KIT_TORCH_LIBRARIES "-ltorch -ltorch_cpu -lc10")
if(APPLE)
    string(APPEND KIT_FLAGS " -mmacosx-version-min=${CMAKE_OSX_DEPLOYMENT_TARGET}")
    string(APPEND KIT_LINK_FLAGS " -mmacosx-version-min=${CMAKE_OSX_DEPLOYMENT_TARGET}")
else()
    string(APPEND KIT_LINK_FLAGS " -pie")
    if(FAST_LINKER MATCHES "mold")
        string(APPEND KIT_LINK_FLAGS " -fuse-ld=mold")
    elseif(FAST_LINKER MATCHES "lld")
        string(APPEND KIT_LINK_FLAGS " -fuse-ld=lld")
    endif()
endif()
# clang takes a precompiled header by name, gcc by finding it beside the header; -include serves both.
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
    "compiler": "@CMAKE_CXX_COMPILER@",
    "compiler_version": "@CMAKE_CXX_COMPILER_ID@ @CMAKE_CXX_COMPILER_VERSION@"
}
]] @ONLY)

# Copies, file by file, so that a build remakes what changed and nothing else.
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
    prepare/*/*.h prepare/*/*.cpp util/*.h util/*.cpp configs/*.json program.md)
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
