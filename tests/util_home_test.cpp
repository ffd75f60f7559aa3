#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "settings/places.h"
#include "temp_directory.h"
#include "util/home.h"

namespace autoresearch {
namespace {

class HomeTest : public ::testing::Test {
  protected:
    HomeTest() { ::setenv("HOME", "/the/home", 1); }
    ~HomeTest() override { ::setenv("HOME", before_.c_str(), 1); }

  private:
    const std::string before_ = std::getenv("HOME");
};

TEST_F(HomeTest, ATildeIsExpandedAsInAShell) {
    EXPECT_EQ(expand_home("~"), "/the/home");
    EXPECT_EQ(expand_home("~/x/*.txt"), "/the/home/x/*.txt");
    EXPECT_EQ(expand_home("~root/x"), std::string(::getpwnam("root")->pw_dir) + "/x");
    for (const char* same : {"", "x/~", "/~/x", "./~", "torch-sources", "~nobody-of-this-name/x"})
        EXPECT_EQ(expand_home(same), same);
    ::unsetenv("HOME");
    EXPECT_EQ(expand_home("~/x"), std::string(::getpwuid(::getuid())->pw_dir) + "/x");
}

TEST_F(HomeTest, InTheVariablesThatNamePlaces) {
    ::setenv("AUTORESEARCH_DATA", "~/mydata", 1);
    EXPECT_EQ(data_root(), "/the/home/mydata");
    ::unsetenv("AUTORESEARCH_DATA");
    ::setenv("XDG_CACHE_HOME", "~/cache", 1);
    EXPECT_EQ(data_root(), "/the/home/cache/autoresearch/data");
    ::unsetenv("XDG_CACHE_HOME");
}

}  // namespace
}  // namespace autoresearch
