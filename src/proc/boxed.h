#pragma once

#include <string>
#include <vector>

#include "box/box.h"

namespace autoresearch {

/// A command that runs `command` in the box: this program's own hidden `confine`.
std::vector<std::string> boxed(const Box& box, const std::vector<std::string>& command);

/// The kind that works here, tried for real once; `asked` by name, or automatically the best. A failure says
/// why each does not.
[[nodiscard]] Result<BoxKind> find_box(BoxKind asked);

/// `confine` alone: prints the kind that holds here. Returns the exit code, 2 for none.
int print_box();

}  // namespace autoresearch
