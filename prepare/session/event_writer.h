#pragma once

#include <nlohmann/json_fwd.hpp>

namespace autoresearch {

/// Writes the event channel of include/autoresearch/events.h; does nothing without a descriptor.
class EventWriter {
  public:
    explicit EventWriter(int descriptor);
    /// One line, whole. A reader that is gone ends the process as a broken pipe does.
    void send(const nlohmann::json& event) const;

  private:
    int descriptor_;
};

}  // namespace autoresearch
