#pragma once

#include "util/hash.h"

namespace autoresearch {

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
