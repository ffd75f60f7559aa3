// Replaces libc's ways to open a file. Everything in the process calls these instead: the loader looks for a
// name in this library before libc. On Linux variadic functions pass their arguments like any other.
#include <dlfcn.h>
#include <sys/stat.h>

#include <cstdio>
#include <mutex>
#include <set>
#include <utility>

#include "prepare/session/host.h"

namespace {

using Identity = std::pair<dev_t, ino_t>;  // identifies a file, whatever its name

std::mutex mutex;

std::set<Identity>& opened() {
    static auto* files = new std::set<Identity>;  // never freed: something may still open a file at exit
    return *files;
}

int noted(int descriptor) {
    struct stat status{};
    if (descriptor >= 0 && fstat(descriptor, &status) == 0) {
        const std::lock_guard lock(mutex);
        opened().emplace(status.st_dev, status.st_ino);
    }
    return descriptor;
}

std::FILE* noted(std::FILE* file) {
    if (file != nullptr) noted(fileno(file));
    return file;
}

/// libc's own function of that name.
template <class Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

using Open = int(const char*, int, ...);
using OpenAt = int(int, const char*, int, ...);
using FOpen = std::FILE*(const char*, const char*);

}  // namespace

extern "C" {

int noted_open(const char* path, int flags, mode_t mode) __asm__("open");
int noted_open64(const char* path, int flags, mode_t mode) __asm__("open64");
int noted_openat(int folder, const char* path, int flags, mode_t mode) __asm__("openat");
int noted_openat64(int folder, const char* path, int flags, mode_t mode) __asm__("openat64");
std::FILE* noted_fopen(const char* path, const char* mode) __asm__("fopen");
std::FILE* noted_fopen64(const char* path, const char* mode) __asm__("fopen64");

int noted_open(const char* path, int flags, mode_t mode) {
    return noted(real<Open>("open")(path, flags, mode));
}
int noted_open64(const char* path, int flags, mode_t mode) {
    return noted(real<Open>("open64")(path, flags, mode));
}
int noted_openat(int folder, const char* path, int flags, mode_t mode) {
    return noted(real<OpenAt>("openat")(folder, path, flags, mode));
}
int noted_openat64(int folder, const char* path, int flags, mode_t mode) {
    return noted(real<OpenAt>("openat64")(folder, path, flags, mode));
}
std::FILE* noted_fopen(const char* path, const char* mode) {
    return noted(real<FOpen>("fopen")(path, mode));
}
std::FILE* noted_fopen64(const char* path, const char* mode) {
    return noted(real<FOpen>("fopen64")(path, mode));
}

}  // extern "C"

namespace autoresearch::host {

bool was_opened(const std::filesystem::path& file) {
    struct stat status{};
    const std::lock_guard lock(mutex);
    return stat(file.c_str(), &status) == 0 && opened().contains({status.st_dev, status.st_ino});
}

void forget_opened() {
    const std::lock_guard lock(mutex);
    opened().clear();
}

}  // namespace autoresearch::host
