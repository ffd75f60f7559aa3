#include "prepare/session/event_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"

namespace autoresearch {

EventWriter::EventWriter(int descriptor) : descriptor_(descriptor) {
    if (descriptor_ < 0) return;
    // Not for programs that this one may start.
    if (fcntl(descriptor_, F_SETFD, FD_CLOEXEC) != 0)
        throw UserError("--events-fd " + std::to_string(descriptor_) + " is not open");
}

void EventWriter::send(const nlohmann::json& event) const {
    if (descriptor_ < 0) return;
    const std::string line = event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    for (std::size_t done = 0; done < line.size();) {
        const ssize_t n = write(descriptor_, line.data() + done, line.size() - done);
        if (n < 0 && errno != EINTR) return;
        if (n > 0) done += static_cast<std::size_t>(n);
    }
}

}  // namespace autoresearch
