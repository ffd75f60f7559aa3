#include "util/file_digest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <tuple>
#include <vector>

#include "util/fd.h"
#include "util/file_times.h"
#include "util/hash.h"

namespace autoresearch {
namespace {

/// XXH3 with 128 bits.
class Xxh3 {
  public:
    Xxh3() { XXH3_128bits_reset(state_.get()); }
    void add(std::string_view bytes) { XXH3_128bits_update(state_.get(), bytes.data(), bytes.size()); }
    std::string end() const {
        const XXH128_hash_t value = XXH3_128bits_digest(state_.get());
        return hex(value.high64) + hex(value.low64);
    }

  private:
    std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_{XXH3_createState(), XXH3_freeState};
};

/// Empty if it cannot be read to its end.
std::string digest_of(int fd) {
    Xxh3 digest;
    std::vector<char> buffer(1 << 20);
    while (true) {
        const ssize_t n = ::read(fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return "";
        if (n == 0) return digest.end();
        digest.add({buffer.data(), static_cast<std::size_t>(n)});
    }
}

/// Likewise.
std::string digest_of_names(const std::filesystem::path& folder) {
    std::set<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator each(folder, error), end; !error && each != end;
         each.increment(error))
        if (const std::string name = each->path().filename().string(); !name.starts_with('.'))
            names.insert(name);
    Xxh3 digest;
    for (const std::string& name : names) digest.add(name + '/');
    return error ? "" : digest.end();
}

/// What changes with every write to a file.
using Stamp = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

Stamp stamp_of(const struct stat& info) {
    const timespec written = write_time(info), changed = change_time(info);
    return {info.st_dev,     info.st_ino,    info.st_size,   written.tv_sec,
            written.tv_nsec, changed.tv_sec, changed.tv_nsec};
}

}  // namespace

std::string file_digest(const std::filesystem::path& file) {
    static std::map<std::filesystem::path, std::pair<Stamp, std::string>> known;
    const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a pipe must not hold us up
    struct stat info{};
    if (!fd || ::fstat(fd.get(), &info) != 0) return "";
    const bool folder = S_ISDIR(info.st_mode);
    if (!folder && !S_ISREG(info.st_mode)) return "no plain file";
    const Stamp stamp = stamp_of(info);  // before it is read: a write in between shows next time
    auto& [stamp_then, digest] = known[file];
    if (digest.empty() || stamp_then != stamp) {
        digest = folder ? digest_of_names(file) : digest_of(fd.get());
        stamp_then = stamp;
    }
    return digest;
}

}  // namespace autoresearch
