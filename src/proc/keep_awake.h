#pragma once

#include <memory>
#include <string>

#include "proc/process_tree.h"

namespace autoresearch {

/// Keeps the machine from falling asleep as long as it lives, where the system can do that. It ends with this
/// program, whatever ends it.
class KeepAwake {
  public:
    KeepAwake();
    /// One line for a person: whether the machine stays awake.
    const std::string& note() const { return note_; }

  private:
    std::unique_ptr<ProcessTree> keeper_;
    std::string note_;
};

}  // namespace autoresearch
