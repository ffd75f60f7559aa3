#include "prepare/session/ending.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <nlohmann/json.hpp>

#include "autoresearch/events.h"

namespace autoresearch {
namespace {

const Report* open_channel = nullptr;

/// What nobody caught. Out of memory is told apart: it is the most common end of a candidate that is too
/// large.
[[noreturn]] void on_terminate() {
    std::string message = "ended by an exception of unknown type";
    try {
        if (const auto error = std::current_exception()) std::rethrow_exception(error);
    } catch (const UserError& error) {
        quit_with(error);
    } catch (const std::bad_alloc&) {
        message = "out of memory: the C++ allocator gave up";
    } catch (const std::exception& error) {
        message = error.what();
    } catch (...) {  // NOLINT(bugprone-empty-catch): the message says so
    }
    message = message.substr(0, message.find("\nException raised from"));  // libtorch's stack
    for (const char* words : {"out of memory", "can't allocate memory"})
        if (message.find(words) != std::string::npos)
            quit_invalid(events::kOutOfMemory, message.substr(0, message.find('\n')));
    std::cerr << "\nerror: " << message << "\n";
    quit(1);
}

}  // namespace

void quit(int code) {
    std::fflush(nullptr);
    std::_Exit(code);  // no destructors: threads may be in the middle of something
}

void quit_with(const UserError& error) {
    std::cerr << "error: " << error.what() << "\n";
    if (!error.hint().empty()) std::cerr << "hint: " << error.hint() << "\n";
    quit(2);
}

void quit_invalid(const char* kind, const std::string& reason) {
    std::fflush(stdout);
    std::cerr << "\ninvalid: " << reason << "\n";
    if (open_channel != nullptr)
        open_channel->event({{"event", events::kInvalid}, {"kind", kind}, {"reason", reason}});
    quit(1);
}

void report_the_end_to(const Report* channel) {
    open_channel = channel;
    std::set_terminate(on_terminate);
}

}  // namespace autoresearch
