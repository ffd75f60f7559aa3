#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace autoresearch {

/// What a run tells: events for the harness (include/autoresearch/events.h), progress and the summary for
/// people, on stdout. Progress is one line that is drawn again on a terminal, a line every few seconds
/// elsewhere.
class Report {
  public:
    /// -1: no events. Throws UserError for a descriptor that is not open.
    explicit Report(int events_descriptor);

    /// One line of the event channel, whole. A reader that is gone ends the process as a broken pipe does.
    void event(const nlohmann::json& event) const;

    struct Progress {
        std::int64_t step = 0, tokens = 0;  // done so far
        double seconds = 0, share = 0, budget = 0, loss = 0;
    };
    void progress(const Progress& now);
    /// Leaves the progress line as it is and goes to the next.
    void end_progress();

    struct Number {
        const char* key;
        int digits;  // behind the point; 0: a whole number
        double value;
    };
    /// The summary block of the originals, and the result event. `notes` stand above it.
    void summary(const std::vector<Number>& numbers, const std::string& split, const std::string& notes);

  private:
    int descriptor_;
    bool terminal_, open_ = false;
    double shown_at_ = -1, smooth_loss_ = 0, weight_ = 0;
    Progress last_;
};

/// The file of a run's steps: a header, then a line for each step, "step,seconds,progress,loss,tokens".
/// Progress is the share of the budget that the step was trained with, to the last bit, so that another run
/// can follow it.
class CurveFile {
  public:
    /// Nothing is written for an empty name. Throws UserError when the file cannot be made.
    explicit CurveFile(const std::filesystem::path& file);

    struct Line {
        std::int64_t step;
        double seconds, progress;
        at::Tensor loss;  // a scalar on any device; it is read by flush() only
        std::int64_t tokens;
    };
    void add(const Line& line);
    /// Reads the losses that are still on a device, and writes.
    void flush();

  private:
    std::ofstream out_;
    std::vector<Line> waiting_;
};

/// The progress of every step of such a file. Throws UserError for a file that is not one, or has gaps.
std::vector<double> read_trace(const std::filesystem::path& file);

}  // namespace autoresearch
