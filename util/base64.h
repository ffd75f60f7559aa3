#pragma once

#include <string>
#include <string_view>

namespace autoresearch {

/// RFC 4648, with padding; decoding accepts what encoding produces.
std::string base64_encode(std::string_view bytes);
std::string base64_decode(std::string_view text);

}  // namespace autoresearch
