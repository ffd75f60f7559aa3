#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

#include "temp_directory.h"
#include "util/plain_file.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOther = "something other than a plain file";

class PlainFileTest : public ::testing::Test {
  protected:
    void SetUp() override {
        mine_ = directory_.write("private/key", "secret");
        directory_.write("desk/train/train.cpp", "text");
    }
    PlainFile take(const std::string& name, std::uintmax_t limit = 100) const {
        return take_plain_file(desk_, name, limit);
    }
    TempDirectory directory_;
    fs::path desk_ = directory_ / "desk", mine_;
};

TEST_F(PlainFileTest, IsTakenWhole) {
    EXPECT_EQ(take("train/train.cpp").text, "text");
    EXPECT_EQ(take("train/train.cpp", 4).text, "text");
    EXPECT_EQ(take_plain_file(desk_ / "train/train.cpp", 4).text, "text");
    directory_.write("desk/empty", "");
    EXPECT_EQ(take("empty", 0).text, "");
}

TEST_F(PlainFileTest, WhatIsMissingIsSaidToBe) {
    for (const char* name : {"none", "none/train.cpp", "train/none"}) {
        EXPECT_TRUE(take(name).missing) << name;
        EXPECT_EQ(take(name).text, std::nullopt);
    }
    EXPECT_TRUE(take_plain_file(directory_ / "gone", "train.cpp", 9).missing);
    EXPECT_FALSE(take("train").missing);
}

TEST_F(PlainFileTest, NeitherLinkNorPipeNorFolderIsTaken) {
    fs::create_symlink(mine_, desk_ / "link");
    fs::create_hard_link(mine_, desk_ / "hard");
    fs::create_directory_symlink(mine_.parent_path(), desk_ / "folder");
    fs::create_directory_symlink(desk_, directory_ / "desk2");
    fs::create_symlink("/dev/zero", desk_ / "zero");
    ASSERT_EQ(::mkfifo((desk_ / "pipe").c_str(), 0600), 0);
    for (const char* name : {"link", "hard", "folder/key", "zero", "pipe", "train", "train/train.cpp/x"}) {
        EXPECT_EQ(take(name).text, std::nullopt) << name;
        EXPECT_EQ(take(name).instead, kOther) << name;
        EXPECT_FALSE(take(name).missing) << name;
    }
    EXPECT_EQ(take_plain_file(directory_ / "desk2", "train/train.cpp", 9).instead, kOther)
        << "the folder itself";
    fs::remove(mine_);
    EXPECT_EQ(take("hard").text, "secret") << "the only name that is left";
}

TEST_F(PlainFileTest, NoMoreThanTheLimitIsRead) {
    EXPECT_EQ(take("train/train.cpp", 3).text, std::nullopt);
    EXPECT_EQ(take("train/train.cpp", 3).instead, "0 MiB large");
    directory_.write("desk/sparse", "");
    fs::resize_file(desk_ / "sparse", std::uintmax_t{1} << 40);
    EXPECT_EQ(take("sparse").instead, "1048576 MiB large");
    // Its status says 0 bytes.
    if (const fs::path process = "/proc/" + std::to_string(::getpid()); fs::exists(process / "maps")) {
        EXPECT_EQ(take_plain_file(process, "maps", 10).instead, "0 MiB large");
    }
}

TEST_F(PlainFileTest, ACopyKeepsTextAndTheRightToRunIt) {
    const auto to = directory_ / "copy", from = desk_ / "train/train.cpp";
    EXPECT_EQ(copy_plain_file(from, to, 4), "");
    EXPECT_EQ(read_text(to), "text");
    EXPECT_NE(::access(to.c_str(), X_OK), 0);
    fs::permissions(from, fs::perms(04755));
    fs::remove(to);
    fs::create_symlink(mine_, to);
    EXPECT_EQ(copy_plain_file(from, to, 4), "");
    EXPECT_EQ(fs::symlink_status(to).type(), fs::file_type::regular);
    EXPECT_EQ(::access(to.c_str(), X_OK), 0);
    EXPECT_EQ(fs::status(to).permissions() & fs::perms::set_uid, fs::perms::none);
    EXPECT_EQ(read_text(mine_), "secret");
    EXPECT_EQ(copy_plain_file(from, to, 3), "0 MiB large");
    EXPECT_EQ(copy_plain_file(desk_ / "none", to, 3), "missing");
    EXPECT_EQ(copy_plain_file(desk_ / "train", to, 3), kOther);
    EXPECT_THROW(copy_plain_file(from, directory_ / "none/copy", 4), std::system_error);
}

}  // namespace
}  // namespace autoresearch
