#include "util/base64.h"

#include <cstdint>

namespace autoresearch {

static constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64_encode(std::string_view bytes) {
    std::string text;
    std::uint32_t bits = 0;
    int waiting = 0;  // lowest bits not written yet
    for (const char byte : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(byte);
        for (waiting += 8; waiting >= 6; waiting -= 6) text += kBase64[bits >> (waiting - 6) & 63];
    }
    if (waiting > 0) text += kBase64[bits << (6 - waiting) & 63];
    text.resize((bytes.size() + 2) / 3 * 4, '=');
    return text;
}

std::string base64_decode(std::string_view text) {
    std::string bytes;
    std::uint32_t bits = 0;
    int waiting = 0;
    for (const char c : text.substr(0, text.find('='))) {
        bits = bits << 6 | static_cast<std::uint32_t>(kBase64.find(c));
        waiting += 6;
        if (waiting < 8) continue;
        waiting -= 8;
        bytes += static_cast<char>(bits >> waiting & 255);
    }
    return bytes;
}

}  // namespace autoresearch
