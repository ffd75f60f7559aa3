#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

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

    struct Summary {
        double val_bpb, training_seconds, total_seconds, peak_mb, mfu_percent, tokens;
        std::int64_t steps, num_params;
        int depth;
        std::string split;
    };
    void summary(const Summary& summary);

  private:
    int descriptor_;
    bool terminal_, open_ = false;
    double shown_at_ = -1, smooth_loss_ = 0, weight_ = 0;
    Progress last_;
};

}  // namespace autoresearch
