#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

namespace autoresearch {

/// A process forked before the test has a second thread. What forks later may inherit a lock that a
/// server's thread holds, and then hangs: gtest's own death tests cannot be used beside a server.
class EarlyChild {
  public:
    /// `work` gets the word that `run` says; the child ends with 0 after it.
    explicit EarlyChild(const std::function<void(const std::string&)>& work) {
        if (::pipe(pipe_) != 0) return;
        pid_ = ::fork();
        if (pid_ != 0) return;
        ::close(pipe_[1]);
        std::string word;
        for (char one = 0; ::read(pipe_[0], &one, 1) == 1;) word += one;
        if (word.empty()) ::_exit(0);
        try {
            work(word);
        } catch (...) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    ~EarlyChild() {
        if (pid_ > 0) run("");
    }
    EarlyChild(const EarlyChild&) = delete;
    EarlyChild& operator=(const EarlyChild&) = delete;

    /// Lets the child work; its status as `waitpid` has it, -1 where it never began.
    int run(const std::string& word) {
        int status = -1;
        if (pid_ <= 0) return status;
        const bool told = ::write(pipe_[1], word.data(), word.size()) == static_cast<ssize_t>(word.size());
        ::close(pipe_[0]);
        ::close(pipe_[1]);
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return told ? status : -1;
    }

  private:
    int pipe_[2] = {-1, -1};
    pid_t pid_ = -1;
};

}  // namespace autoresearch
