#include "prepare/session/underway.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/Functions.h>

#include <utility>

namespace autoresearch {

std::optional<CurveFile::Line> Underway::exchange(const CurveFile::Line& queued) {
    const at::Device device = queued.loss.device();
    Step now{queued, c10::Event(device.type())};
    now.line.loss = at::empty({}, at::device(at::kCPU).dtype(at::kFloat).pinned_memory(true));
    now.line.loss.copy_(queued.loss.reshape({}), /*non_blocking=*/true);
    now.done.record(at::accelerator::getCurrentStream(device.index()));
    std::optional<CurveFile::Line> before = finish();
    step_.emplace(std::move(now));
    return before;
}

std::optional<CurveFile::Line> Underway::finish() {
    if (!step_) return std::nullopt;
    step_->done.synchronize();
    CurveFile::Line line = step_->line;
    step_.reset();
    return line;
}

}  // namespace autoresearch
