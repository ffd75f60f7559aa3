// A process that does one bad thing: misbehave WHAT NUMBER. The number finds it again in the list of
// processes.

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>

namespace {

/// Leaves the group, the session and the parent behind, and does not care for SIGTERM. The program that was
/// started ends when all that is done.
void become_daemon() {
    int ready[2];
    if (::pipe(ready) != 0) std::_Exit(1);
    if (::fork() != 0) {
        ::close(ready[1]);
        char nothing = 0;
        std::_Exit(static_cast<int>(::read(ready[0], &nothing, 1)));
    }
    ::setsid();
    if (::fork() != 0) std::_Exit(0);
    ::signal(SIGTERM, SIG_IGN);
    for (const int end : ready) ::close(end);
}

void hang() {
    while (true) ::pause();
}

char* take(std::size_t megabytes) {
    return static_cast<char*>(std::memset(std::malloc(megabytes << 20), 1, megabytes << 20));
}

char* volatile kept;  // so that the compiler does not leave out what nobody reads

const std::map<std::string, std::function<void()>> deeds = {
    {"daemon", [] { become_daemon(), hang(); }},
    // A child goes on, and its child, and so forth.
    {"flee",
     [] {
         while (true) {
             if (::fork() > 0) std::_Exit(0);
         }
     }},
    {"grow",
     [] {
         for (int i = 0; i < 400; ++i) kept = take(10), ::usleep(10000);
     }},
    // Four processes that share what one of them took.
    {"share", [] { kept = take(200), ::fork(), ::fork(), ::usleep(400000); }},
};

}  // namespace

int main(int, char** argv) {
    deeds.at(argv[1])();
}
