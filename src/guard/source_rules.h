#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace autoresearch {

inline constexpr std::size_t kLargestSource = 256 << 10;  // bytes

/// The first rule that a train.cpp breaks, in one line for the agent, with the line number; nothing when it
/// keeps them all.
std::optional<std::string> broken_source_rule(std::string_view source);

}  // namespace autoresearch
