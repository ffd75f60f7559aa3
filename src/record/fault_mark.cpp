#include "record/fault_mark.h"

#include <autoresearch/error.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <system_error>

#include "util/plain_file.h"
#include "util/secrets.h"
#include "util/text.h"
#include "util/tree.h"

namespace autoresearch {
namespace {

// What a signal handler needs, prepared: it must not ask for memory.
std::atomic<const char*> marked_file{nullptr};
std::atomic<pid_t> marked_process{0};
std::atomic<const struct sigaction*> old_actions{nullptr};
char stack_of_handler[64 << 10];  // the ordinary one may be what is full

void leave_mark(const char* file, const char* reason) {
    const int fd = ::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    [[maybe_unused]] const ssize_t written = ::write(fd, reason, std::strlen(reason));
    ::close(fd);
}

const char* name_of(int signal) {
    switch (signal) {
        case SIGSEGV:
            return "SIGSEGV";
        case SIGBUS:
            return "SIGBUS";
        case SIGFPE:
            return "SIGFPE";
        case SIGILL:
            return "SIGILL";
        default:
            return "SIGABRT";
    }
}

/// Set-up and machine; what else stops a call is in its way, and may come from the proposal.
bool is_of_machine(const std::error_code& code) {
    constexpr int kOfMachine[] = {ENOSPC, EDQUOT, EIO,    EROFS,  ENOMEM, EMFILE, ENFILE,
                                  EAGAIN, EBUSY,  ENOENT, EACCES, EPERM,  ENODEV, ESTALE};
    const bool is_errno =
        code.category() == std::generic_category() || code.category() == std::system_category();
    return is_errno &&
           std::find(std::begin(kOfMachine), std::end(kOfMachine), code.value()) != std::end(kOfMachine);
}

}  // namespace

FaultMark::FaultMark(const std::filesystem::path& file) : file_(std::filesystem::absolute(file).string()) {
    make_way(file_);
    marked_file = file_.c_str();
    marked_process = ::getpid();
    old_actions = old_.data();
    stack_t stack{};
    stack.ss_sp = stack_of_handler;
    stack.ss_size = sizeof stack_of_handler;
    ::sigaltstack(&stack, &old_stack_);
    struct sigaction action{};
    action.sa_handler = [](int signal) {
        if (marked_process == ::getpid()) leave_mark(marked_file, name_of(signal));
        for (std::size_t i = 0; i < kSignals.size(); ++i)
            if (kSignals[i] == signal) ::sigaction(signal, old_actions + i, nullptr);
        ::raise(signal);  // comes when this returns
    };
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_ONSTACK;
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &old_[i]);
}

FaultMark::~FaultMark() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &old_[i], nullptr);
    ::sigaltstack(&old_stack_, nullptr);
}

void FaultMark::leave(const std::exception& error) const {
    if (dynamic_cast<const UserError*>(&error) != nullptr) return;
    const auto* const of_system = dynamic_cast<const std::system_error*>(&error);
    if (of_system != nullptr && is_of_machine(of_system->code())) return;
    leave_mark(file_.c_str(), clean_line(Secrets::here().clean(error.what())).c_str());
}

std::string FaultMark::reason_in(const std::filesystem::path& file) {
    constexpr std::uintmax_t kLongest = 4096;
    return clean_line(take_plain_file(file, kLongest).text.value_or(""));
}

}  // namespace autoresearch
