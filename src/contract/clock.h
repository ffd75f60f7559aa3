#pragma once

#include <string>

namespace autoresearch {

class Clock {
  public:
    virtual ~Clock() = default;
    virtual double seconds() const = 0;   // monotonic, arbitrary origin
    virtual std::string utc() const = 0;  // 2026-01-31T22:10:05Z
};

}  // namespace autoresearch
