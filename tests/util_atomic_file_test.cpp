#include <gtest/gtest.h>
#include <sys/stat.h>

#include <iterator>
#include <system_error>

#include "temp_directory.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

TEST(AtomicFile, ReplacesOnlyAtCommit) {
    const TempDirectory directory;
    const auto target = directory.write("file", "old");
    AtomicFile file(target);
    file.write("new ");
    file.write("text");
    EXPECT_EQ(read_text(target), "old");
    file.commit();
    EXPECT_EQ(read_text(target), "new text");
}

TEST(AtomicFile, WithoutCommitNothingIsLeftBehind) {
    const TempDirectory directory;
    {
        AtomicFile(directory / "file").write("half");
    }
    EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(AtomicFile, KeepsTheModeOfWhatItReplaces) {
    const TempDirectory directory;
    const auto target = directory.write("script", "#!/bin/sh\n");
    std::filesystem::permissions(target, std::filesystem::perms(0755));
    write_file_atomically(target, "#!/bin/sh\nexit 0\n");
    EXPECT_EQ(std::filesystem::status(target).permissions(), std::filesystem::perms(0755));
    write_file_atomically(directory / "plain", "x");
    EXPECT_EQ(std::filesystem::status(directory / "plain").permissions(), std::filesystem::perms(0644));
}

TEST(AtomicFile, NamesThePathThatCannotBeWritten) {
    const TempDirectory directory;
    try {
        write_file_atomically(directory / "missing" / "file", "x");
        FAIL() << "no exception";
    } catch (const std::system_error& error) {
        EXPECT_NE(std::string(error.what()).find("missing/file"), std::string::npos);
    }
}

}  // namespace
}  // namespace autoresearch
