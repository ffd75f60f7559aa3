#pragma once

namespace autoresearch {

/// Has the person asked to stop? Once: after the current experiment. Twice: now.
class StopRequest {
  public:
    virtual ~StopRequest() = default;
    virtual bool after_experiment() const = 0;
    virtual bool now() const = 0;
};

}  // namespace autoresearch
