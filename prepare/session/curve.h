#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <vector>

namespace autoresearch {

/// The file of a run's steps: a header, then a line for each step, "step,seconds,progress,loss,tokens".
/// Progress is the share of the budget that the step was trained with, to the last bit, so that another run
/// can follow it.
class CurveFile {
  public:
    /// Nothing is written for an empty name. Throws UserError when the file cannot be made.
    explicit CurveFile(const std::filesystem::path& file);
    /// `loss` is a scalar on any device; it is read by flush() only.
    void add(std::int64_t step, double seconds, double progress, const at::Tensor& loss, std::int64_t tokens);
    /// Reads the losses that are still on a device, and writes.
    void flush();

  private:
    struct Line {
        std::int64_t step;
        double seconds, progress;
        at::Tensor loss;
        std::int64_t tokens;
    };
    std::ofstream out_;
    std::vector<Line> waiting_;
};

/// The progress of every step of such a file. Throws UserError for a file that is not one, or has gaps.
std::vector<double> read_trace(const std::filesystem::path& file);

}  // namespace autoresearch
