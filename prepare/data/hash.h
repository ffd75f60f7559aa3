#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace autoresearch {

/// XXH64 as its authors specify it: the same number on every machine, so it may be stored.
std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed = 0);

/// 16 lower-case hex digits.
std::string hex64(std::uint64_t value);

/// An order-dependent digest of a sequence of numbers and texts.
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

}  // namespace autoresearch
