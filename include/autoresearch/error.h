#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace autoresearch {

/// Something the user can fix: bad usage, bad configuration, missing or damaged data.
/// The message is one sentence that names the file, flag or line; the hint says what to do about it.
/// Caught once, in main; the program then ends with exit code 2.
class UserError : public std::runtime_error {
  public:
    explicit UserError(const std::string& message, std::string hint = "")
        : std::runtime_error(message), hint_(std::move(hint)) {}
    const std::string& hint() const { return hint_; }

  private:
    std::string hint_;
};

}  // namespace autoresearch
