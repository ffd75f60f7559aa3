#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace autoresearch {

/// XXH64: finds equal things, does not withstand an attacker. The same on every machine, so it may be stored.
/// `seed` continues an earlier hash.
std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed = 0);

/// An order-dependent hash of a sequence of numbers and texts.
class Digest {
  public:
    void add(std::uint64_t number) {
        const std::uint64_t pair[2] = {value_, number};
        value_ = xxh64({reinterpret_cast<const char*>(pair), sizeof pair});
    }
    void add(std::string_view text) { add(xxh64(text)); }
    std::uint64_t value() const { return value_; }

  private:
    std::uint64_t value_ = 0;
};

/// 16 lower-case hex digits.
std::string hex(std::uint64_t value);

/// Hash of C++ source that stays the same when only comments and white space change (16 hex digits).
/// Literals count byte for byte, including raw strings.
std::string normalized_source_hash(std::string_view source);

/// Number of C++ tokens, without comments and white space: the measure of how simple a source is. Of a
/// literal each 8 bytes begun count as one, so that code or text in a string is not free.
int count_source_tokens(std::string_view source);

}  // namespace autoresearch
