#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "temp_directory.h"
#include "util/tree.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// Folders in folders, with a file in each, far deeper than a path may be long.
void make_deep(const fs::path& top, int levels, const std::string& name) {
    fs::create_directory(top);
    Fd at = open_folder(AT_FDCWD, top);
    for (int i = 0; i < levels; ++i) {
        ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
        const Fd file(::openat(at.get(), "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        at = open_folder(at.get(), name);
        ASSERT_TRUE(at);
    }
}

TEST(FolderTree, ADeepOneIsRemoved) {
    const TempDirectory directory;
    const auto top = directory / "top";
    for (const auto& [levels, name] : {std::pair{2500, std::string("d")}, {40, std::string(250, 'd')}}) {
        make_deep(top, levels, name);
        EXPECT_TRUE(remove_tree(top));
        EXPECT_FALSE(fs::exists(top));
    }
}

TEST(FolderTree, FoldersWithoutRightsAreRemovedAndLinksNotFollowed) {
    const TempDirectory directory;
    const auto elsewhere = directory.write("elsewhere/file", "mine");
    for (const char* name : {"0/1/2/0/1", "2/a/b/c/d", "2/x", "a/b/c", "a/0", "3"})
        directory.write(std::string("top/") + name + "/file", "x");
    fs::create_directory_symlink(elsewhere.parent_path(), directory / "top/a/b/link");
    fs::create_symlink("/nowhere", directory / "top/dangling");
    for (const char* name : {"top/2/a/b", "top/2", "top/a/0", "top"})
        fs::permissions(directory / name, fs::perms::none);
    EXPECT_TRUE(remove_tree(directory / "top"));
    EXPECT_FALSE(fs::exists(directory / "top"));
    EXPECT_EQ(read_text(elsewhere), "mine");
    EXPECT_TRUE(remove_tree(directory / "none"));
    EXPECT_TRUE(remove_tree(elsewhere)) << "a file";
    EXPECT_FALSE(fs::exists(elsewhere));
}

TEST(FolderTree, AWalkSeesAllAndGoesWhereItIsTold) {
    const TempDirectory directory;
    directory.write("top/a/b/file", "12345");
    directory.write("top/c/file", "x");
    directory.write("elsewhere/file", "x");
    fs::create_directory_symlink(directory / "elsewhere", directory / "top/link");
    std::set<std::string> seen;
    walk_tree(directory / "top", [&](const std::string& name, const struct stat& status) {
        seen.insert(name);
        if (name == "a/b/file") {
            EXPECT_EQ(status.st_size, 5);
        }
        EXPECT_EQ(S_ISLNK(status.st_mode), name == "link");
        return name != "c";
    });
    EXPECT_EQ(seen, (std::set<std::string>{"a", "a/b", "a/b/file", "c", "link"}));
    walk_tree(directory / "top/link", [](const auto&...) -> bool {
        ADD_FAILURE() << "a link was followed";
        return false;
    });
}

TEST(RealPath, LeadsThroughLinksAndEndsInAName) {
    const TempDirectory directory;
    fs::create_directories(directory / "folder/in");
    fs::create_symlink(directory / "folder", directory / "link");
    EXPECT_EQ(real_path(directory / "link/in/"), directory / "folder/in");
    EXPECT_EQ(real_path(directory / "link/missing/"), directory / "folder/missing");
    EXPECT_EQ(real_path("/"), "/");
}

}  // namespace
}  // namespace autoresearch
