#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "autoresearch/error.h"
#include "prepare/corpus/readers.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

constexpr std::size_t kBlock = 1 << 18, kHead = 4096;
constexpr std::uint32_t kReplacement = 0xFFFD;
constexpr int kLargestWindow = 31;  // log2; zstd --ultra --long=31

struct Encoding {
    std::size_t unit = 1, mark = 0;  // bytes; unit 0: not text
    bool big = false;
};

/// By its byte-order mark, or by where the zero bytes are, which UTF-8 does not have.
Encoding encoding_of(std::string_view head) {
    constexpr std::pair<std::string_view, Encoding> kMarks[] = {{"\xFF\xFE\0\0"sv, {4, 4, false}},
                                                                {"\0\0\xFE\xFF"sv, {4, 4, true}},
                                                                {"\xFF\xFE"sv, {2, 2, false}},
                                                                {"\xFE\xFF"sv, {2, 2, true}},
                                                                {"\xEF\xBB\xBF"sv, {1, 3, false}}};
    for (const auto& [mark, encoding] : kMarks)
        if (head.starts_with(mark)) return encoding;
    std::array<std::size_t, 4> zeros{};  // by position modulo 4
    for (std::size_t i = 0; i < head.size(); ++i) zeros[i % 4] += head[i] == '\0' ? 1 : 0;
    const std::size_t even = zeros[0] + zeros[2], odd = zeros[1] + zeros[3], quarter = head.size() / 4;
    if (even + odd == 0) return {};
    if (2 * zeros[0] < quarter && 2 * zeros[2] > quarter && zeros[3] >= quarter) return {4, 0, false};
    if (2 * zeros[3] < quarter && 2 * zeros[1] > quarter && zeros[0] >= quarter) return {4, 0, true};
    if (even == 0 && 2 * odd > quarter) return {2, 0, false};
    if (odd == 0 && 2 * even > quarter) return {2, 0, true};
    return {0, 0, false};
}

void append_utf8(std::string& text, std::uint32_t code) {
    if (code > 0x10FFFF || (code & 0xFFFFF800) == 0xD800) code = kReplacement;
    constexpr std::uint32_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
    const std::uint32_t more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    text += static_cast<char>(kLead[more] | code >> (6 * more));
    for (std::uint32_t i = more; i-- > 0;) text += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3F));
}

class ToUtf8 {
  public:
    ToUtf8(const fs::path& file, const TakeText& take) : file_(file), take_(take) {}
    void add(std::string block, double position) {
        if (!begun_) {
            held_ += block;
            if (held_.size() < kHead) return;
            block = begin();
        }
        take_(encoding_.unit == 1 ? std::move(block) : converted(block), position);
    }
    void end(double position) {
        if (begun_) return;
        std::string all = begin();
        take_(encoding_.unit == 1 ? std::move(all) : converted(all), position);
    }

  private:
    std::string begin() {
        begun_ = true;
        encoding_ = encoding_of(std::string_view(held_).substr(0, kHead));
        if (encoding_.unit == 0)
            throw BadRows{"not_text", file_.string() + " is not text: it has zero bytes",
                          "leave it out, or convert it: iconv -f ENCODING -t UTF-8"};
        return std::exchange(held_, "").substr(encoding_.mark);
    }

    std::string converted(const std::string& block) {
        held_ += block;
        std::string text;
        std::size_t at = 0;
        for (; at + encoding_.unit <= held_.size(); at += encoding_.unit) {
            std::uint32_t code = 0;
            for (std::size_t i = 0; i < encoding_.unit; ++i) {
                const char byte = held_[at + (encoding_.big ? encoding_.unit - 1 - i : i)];
                code |= std::uint32_t{static_cast<unsigned char>(byte)} << (8 * i);
            }
            const bool high = encoding_.unit == 2 && (code & 0xFC00) == 0xD800;
            if (high_ != 0 && (code & 0xFC00) == 0xDC00) {
                code = 0x10000 + ((high_ & 0x3FF) << 10 | (code & 0x3FF));
            } else if (high_ != 0) {
                append_utf8(text, kReplacement);
            }
            high_ = high ? code : 0;
            if (!high) append_utf8(text, code);
        }
        held_.erase(0, at);
        return text;
    }

    const fs::path& file_;
    const TakeText& take_;
    std::string held_;  // the head, and later the bytes of a character that is not complete
    Encoding encoding_;
    std::uint32_t high_ = 0;  // the first half of a surrogate pair
    bool begun_ = false;
};

/// zlib passes uncompressed files through.
void read_plain_or_gzip(const fs::path& path, const TakeText& take) {
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(::gzopen(path.c_str(), "rbe"), ::gzclose);
    if (!file) throw_cannot_read(path);
    ::gzbuffer(file.get(), kBlock);
    if (lower_extension(path) == ".gz" && ::gzdirect(file.get()) != 0) throw_damaged(path, "it is not gzip");
    std::string block(kBlock, '\0');
    int got = 0;
    while ((got = ::gzread(file.get(), block.data(), kBlock)) > 0)
        take(block.substr(0, static_cast<std::size_t>(got)), static_cast<double>(::gzoffset(file.get())));
    int error = Z_OK;
    const char* const why = ::gzerror(file.get(), &error);
    if (error == Z_ERRNO) throw_cannot_read(path);
    if (error != Z_OK) throw_damaged(path, why);
}

void read_zstd(std::FILE* file, const fs::path& path, const TakeText& take) {
    const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(::ZSTD_createDStream(),
                                                                               ::ZSTD_freeDStream);
    ::ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, kLargestWindow);
    std::string stored(kBlock, '\0'), block(kBlock, '\0');
    std::size_t wanted = 0;  // more bytes that zstd expects; 0 at the end of a frame
    double position = 0;
    while (std::feof(file) == 0 && std::ferror(file) == 0) {
        const std::size_t got = std::fread(stored.data(), 1, kBlock, file);
        position += static_cast<double>(got);
        ZSTD_inBuffer in{stored.data(), got, 0};
        ZSTD_outBuffer out{block.data(), kBlock, 0};
        while (in.pos < in.size || (wanted != 0 && out.pos == out.size)) {
            out.pos = 0;
            wanted = ::ZSTD_decompressStream(stream.get(), &out, &in);
            if (::ZSTD_isError(wanted) != 0) throw_damaged(path, ::ZSTD_getErrorName(wanted));
            take(block.substr(0, out.pos), position);
        }
    }
    if (std::ferror(file) != 0) throw_cannot_read(path);
    if (wanted != 0) throw_damaged(path, "unexpected end of file");
}

}  // namespace

void throw_cannot_read(const fs::path& file) {
    throw std::system_error(errno, std::generic_category(), "cannot read " + file.string());
}

void throw_damaged(const fs::path& file, const std::string& what) {
    throw UserError("cannot read " + file.string() + ": " + what, "download or create the file again");
}

void read_stored(const fs::path& path, const TakeText& take) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
    if (!file) throw_cannot_read(path);
    char magic[4] = "";
    const std::string_view begin(magic, std::fread(magic, 1, sizeof magic, file.get()));
    if (std::fseek(file.get(), 0, SEEK_SET) != 0) throw_cannot_read(path);
    // The second: what pzstd puts first.
    const bool is_zstd = begin == "\x28\xB5\x2F\xFD"sv || begin == "\x50\x2A\x4D\x18"sv;
    ToUtf8 text(path, take);
    double end = 0;
    const auto add = [&](std::string block, double position) { text.add(std::move(block), end = position); };
    if (is_zstd || lower_extension(path) == ".zst") {
        read_zstd(file.get(), path, add);
    } else {
        read_plain_or_gzip(path, add);
    }
    text.end(end);
}

std::string head_of(const fs::path& file) {
    struct Enough {
        std::string head;
    };
    try {
        read_stored(file, [](std::string block, double) { throw Enough{std::move(block)}; });
    } catch (Enough& enough) {
        return std::move(enough.head);
    }
    return "";
}

}  // namespace autoresearch
