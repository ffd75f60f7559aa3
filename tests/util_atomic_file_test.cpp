#include <gtest/gtest.h>
#include <sys/stat.h>

#include <iterator>
#include <system_error>

#include "temp_directory.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

TEST(AtomicFile, ReplacesTheWholeFile) {
    const TempDirectory directory;
    const auto target = directory.write("file", "old and long");
    write_file_atomically(target, "new");
    EXPECT_EQ(read_text(target), "new");
}

TEST(AtomicFile, LeavesNothingBesideATargetItCannotReplace) {
    const TempDirectory directory;
    directory.write("folder/file", "x");
    EXPECT_THROW(write_file_atomically(directory / "folder", "text"), std::system_error);
    const std::filesystem::directory_iterator left(directory.path());
    EXPECT_EQ(std::distance(begin(left), end(left)), 1) << "the folder alone";
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
