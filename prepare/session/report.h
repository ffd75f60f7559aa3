#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace autoresearch {

/// What a run reports: events for the harness (include/autoresearch/events.h); progress and the summary for
/// people, on stdout. Progress is one line that is redrawn on a terminal, or a line every few seconds
/// elsewhere.
class Report {
  public:
    /// -1: no events. Throws UserError for a descriptor that is not open.
    explicit Report(int events_descriptor);

    /// Writes one whole line to the event channel. If the reader is gone, the process ends, as with a broken
    /// pipe.
    void event(const nlohmann::json& event) const;

    struct Progress {
        std::int64_t step = 0, tokens = 0;  // done so far
        double seconds = 0, share = 0, budget = 0, loss = 0;
    };
    void progress(const Progress& now);
    /// Leaves the progress line in place and moves to the next.
    void end_progress();

    struct Number {
        const char* key;
        int digits;  // after the decimal point; 0: a whole number
        double value;
    };
    /// Writes the originals' summary block, with `notes` above it, and the result event.
    void summary(const std::vector<Number>& numbers, const std::string& split, const std::string& notes);

  private:
    int descriptor_;
    bool terminal_, open_ = false;
    double shown_at_ = -1, smooth_loss_ = 0, weight_ = 0;
    Progress last_;
};

/// The file of a run's steps: a header, then a line per step, "step,seconds,progress,loss,tokens". Progress
/// is the share of the budget that the step was trained with, to the last bit, so that another run can repeat
/// it.
class CurveFile {
  public:
    /// -1: writes nothing. Throws UserError when the descriptor is not open.
    explicit CurveFile(int descriptor);

    struct Line {
        std::int64_t step;
        double seconds, progress;
        at::Tensor loss;  // a scalar on any device; only flush() reads it
        std::int64_t tokens;
    };
    void add(const Line& line);
    /// Reads the losses that are still on a device, and writes.
    void flush();

  private:
    int descriptor_;
    std::vector<Line> waiting_;
};

/// The progress of every step in such a file. Throws UserError for a file that is not one, or has gaps.
std::vector<double> read_trace(const std::filesystem::path& file);

}  // namespace autoresearch
