#pragma once

#include <cstdint>
#include <string>

namespace autoresearch {

/// Training progress on stdout: one line that is drawn again on a terminal, a line every few seconds
/// elsewhere.
class ProgressLine {
  public:
    ProgressLine();
    struct Values {
        std::int64_t step = 0, tokens = 0;  // done so far
        double seconds = 0, budget = 0, loss = 0;
    };
    void show(const Values& values);
    /// Leaves the line as it is and goes to the next.
    void finish();

  private:
    bool terminal_;
    bool open_ = false;
    double shown_at_ = -1, smooth_loss_ = 0, weight_ = 0;
    Values last_;
};

}  // namespace autoresearch
