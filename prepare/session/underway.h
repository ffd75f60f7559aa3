#pragma once

#include <c10/core/Event.h>

#include <optional>

#include "prepare/session/report.h"

namespace autoresearch {

/// The step that a GPU works on. The loss of each step is read when the next one is queued: whoever reads it
/// at once leaves the GPU without work until the host has made another step.
class Underway {
  public:
    /// Takes the step that was just queued, waits until the one before it is done, and returns that one, its
    /// loss on the host. Nothing at the first call.
    std::optional<CurveFile::Line> exchange(const CurveFile::Line& queued);
    /// Waits for the last one. Nothing if there is none.
    std::optional<CurveFile::Line> finish();

  private:
    struct Step {
        CurveFile::Line line;
        c10::Event done;  // the loss is on the host
    };
    std::optional<Step> step_;
};

}  // namespace autoresearch
