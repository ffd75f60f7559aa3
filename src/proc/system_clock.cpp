#include "proc/system_clock.h"

#include <chrono>
#include <thread>

#include "util/time.h"

namespace autoresearch {

const Clock& system_clock() {
    struct SystemClock : Clock {
        double seconds() const override {
            return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
        }
        double unix_seconds() const override {
            return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
        }
        std::string utc() const override { return utc_now("%Y-%m-%dT%H:%M:%SZ"); }
        void sleep(double seconds) const override {
            std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
        }
    };
    static const SystemClock clock;
    return clock;
}

}  // namespace autoresearch
