#include "util/file_digest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "util/fd.h"
#include "util/hash.h"

namespace autoresearch {
namespace {

using Word = std::uint64_t;
static_assert(std::endian::native == std::endian::little, "BLAKE2b reads words in little-endian order");

constexpr std::size_t kBlock = 128, kDigest = 32;  // bytes
constexpr std::array<Word, 8> kStart = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                        0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                        0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
constexpr std::uint8_t kOrder[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                         {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                         {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                         {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                         {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                         {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                         {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                         {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                         {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                         {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

/// RFC 7693, without a key.
class Blake2b {
  public:
    Blake2b() { state_[0] ^= 0x01010000 ^ kDigest; }

    void add(std::string_view bytes) {
        while (!bytes.empty()) {
            if (filled_ == kBlock) compress(false);  // not before: the last block is another one
            const std::size_t taken = std::min(bytes.size(), kBlock - filled_);
            std::memcpy(block_.data() + filled_, bytes.data(), taken);
            filled_ += taken;
            bytes.remove_prefix(taken);
        }
    }

    std::string end() {
        std::fill(block_.begin() + static_cast<std::ptrdiff_t>(filled_), block_.end(), 0);
        compress(true);
        std::string digits;
        for (std::size_t i = 0; i < kDigest / sizeof(Word); ++i) {
            Word in_order = 0;  // of memory
            for (int byte = 0; byte < 8; ++byte) in_order = in_order << 8 | (state_[i] >> 8 * byte & 0xff);
            digits += hex(in_order);
        }
        return digits;
    }

  private:
    void compress(bool last) {
        bytes_ += filled_;
        filled_ = 0;
        std::array<Word, 16> m;
        std::memcpy(m.data(), block_.data(), kBlock);
        std::array<Word, 16> v;
        std::copy(state_.begin(), state_.end(), v.begin());
        std::copy(kStart.begin(), kStart.end(), v.begin() + 8);
        v[12] ^= bytes_;
        if (last) v[14] = ~v[14];
        const auto mix = [&v](int a, int b, int c, int d, Word x, Word y) {
            v[a] += v[b] + x;
            v[d] = std::rotr(v[d] ^ v[a], 32);
            v[c] += v[d];
            v[b] = std::rotr(v[b] ^ v[c], 24);
            v[a] += v[b] + y;
            v[d] = std::rotr(v[d] ^ v[a], 16);
            v[c] += v[d];
            v[b] = std::rotr(v[b] ^ v[c], 63);
        };
        for (int round = 0; round < 12; ++round) {
            const std::uint8_t* s = kOrder[round % 10];
            for (int i = 0; i < 4; ++i, s += 2) mix(i, 4 + i, 8 + i, 12 + i, m[s[0]], m[s[1]]);
            for (int i = 0; i < 4; ++i, s += 2)
                mix(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[s[0]], m[s[1]]);
        }
        for (std::size_t i = 0; i < state_.size(); ++i) state_[i] ^= v[i] ^ v[i + 8];
    }

    std::array<Word, 8> state_ = kStart;
    std::array<char, kBlock> block_{};
    std::size_t filled_ = 0;
    Word bytes_ = 0;
};

/// Empty if it cannot be read to its end.
std::string digest_of(int fd) {
    Blake2b digest;
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
    Blake2b digest;
    for (const std::string& name : names) digest.add(name + '/');
    return error ? "" : digest.end();
}

/// What changes with every write to a file.
using Stamp = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

Stamp stamp_of(const struct stat& info) {
#ifdef __APPLE__
    const timespec &written = info.st_mtimespec, &changed = info.st_ctimespec;
#else
    const timespec &written = info.st_mtim, &changed = info.st_ctim;
#endif
    return {info.st_dev,     info.st_ino,    info.st_size,   written.tv_sec,
            written.tv_nsec, changed.tv_sec, changed.tv_nsec};
}

}  // namespace

std::string blake2b(std::string_view bytes) {
    Blake2b digest;
    digest.add(bytes);
    return digest.end();
}

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
