#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "temp_directory.h"
#include "util/temporary_folder.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

struct TemporaryFolders : ::testing::Test {
    TemporaryFolders() { ::setenv("TMPDIR", directory.path().c_str(), 1); }
    ~TemporaryFolders() override {
        if (before.empty())
            ::unsetenv("TMPDIR");
        else
            ::setenv("TMPDIR", before.c_str(), 1);
    }
    const std::string before = std::getenv("TMPDIR") == nullptr ? "" : std::getenv("TMPDIR");
    TempDirectory directory;

    std::size_t count() const {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory.path()), {}));
    }
};

TEST_F(TemporaryFolders, AreGoneAtTheEnd) {
    {
        const TemporaryFolder folder("x");
        directory.write(folder.path().filename() / "a/b", "text");
        EXPECT_EQ(count(), 1U);
    }
    EXPECT_EQ(count(), 0U);
}

/// What a killed program left goes at the next start; what a living one has stays, and what is not ours.
TEST_F(TemporaryFolders, OfTheDeadAreSwept) {
    directory.write("autoresearch-call-123/agent.log", "kept for a person");
    directory.write("autoresearch.git/HEAD", "somebody's own");
    const TemporaryFolder living("living");
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        new TemporaryFolder("dead");  // never removed
        if (::write(ready[1], "x", 1) != 1) ::_exit(1);
        while (true) ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    EXPECT_EQ(count(), 4U);
    sweep_temporary_folders(directory.path(), 0);
    EXPECT_EQ(count(), 4U);  // its maker lives
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    sweep_temporary_folders(directory.path());
    EXPECT_EQ(count(), 4U);  // too young to know
    sweep_temporary_folders(directory.path(), 0);
    EXPECT_EQ(count(), 3U);
    EXPECT_TRUE(fs::exists(living.path()));
    ::close(ready[0]);
}

}  // namespace
}  // namespace autoresearch
