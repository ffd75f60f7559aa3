#ifdef __linux__

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "proc/cgroup_linux.h"
#include "proc/platform.h"
#include "temp_directory.h"

namespace autoresearch::platform {
namespace {

TEST(GroupLimits, TheTightestOfAllThatContainUsCounts) {
    const TempDirectory root;
    EXPECT_EQ(group_limits(root.path()).cores, 0);
    root.write("proc/self/cgroup", "0::/outer/inner\n");
    EXPECT_EQ(group_limits(root.path()).memory, 0);
    root.write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
    root.write("sys/fs/cgroup/outer/cpu.max", "250000 100000\n");
    root.write("sys/fs/cgroup/outer/inner/memory.max", "3000000000\n");
    root.write("sys/fs/cgroup/outer/memory.max", "max\n");
    EXPECT_EQ(group_limits(root.path()).cores, 2.5);
    EXPECT_EQ(group_limits(root.path()).memory, 3'000'000'000);
    root.write("sys/fs/cgroup/outer/inner/cpu.max", "50000 100000\n");
    root.write("sys/fs/cgroup/outer/memory.max", "2000000000\n");
    EXPECT_EQ(group_limits(root.path()).cores, 0.5);
    EXPECT_EQ(group_limits(root.path()).memory, 2'000'000'000);
}

TEST(GroupLimits, AContainerMaySeeOnlyItsOwnGroupAtTheTop) {
    const TempDirectory root;
    root.write("proc/self/cgroup", "0::/docker/0123\n");
    root.write("sys/fs/cgroup/cpu.max", "150000 100000\n");
    root.write("sys/fs/cgroup/memory.max", "1000\n");
    EXPECT_EQ(group_limits(root.path()).cores, 1.5);
    EXPECT_EQ(group_limits(root.path()).memory, 1000);
}

TEST(GroupLimits, TheFirstVersionHasATreeForEachController) {
    const TempDirectory root;
    root.write("proc/self/cgroup", "4:memory:/a\n2:cpu,cpuacct:/b/c\n1:cpuset:/\nnonsense\n");
    root.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "4096\n");
    root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    root.write("sys/fs/cgroup/cpu/b/c/cpu.cfs_quota_us", "-1\n");
    root.write("sys/fs/cgroup/cpu/b/c/cpu.cfs_period_us", "100000\n");
    root.write("sys/fs/cgroup/cpu/b/cpu.cfs_quota_us", "300000\n");
    root.write("sys/fs/cgroup/cpu/b/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(group_limits(root.path()).cores, 3);
    EXPECT_EQ(group_limits(root.path()).memory, 4096);
}

TEST(GroupLimits, ARealGroupOfHalfACoreLeavesOneThread) {
    const std::filesystem::path group = "/sys/fs/cgroup/cpu/autoresearch-test-" + std::to_string(::getpid());
    std::error_code refused;
    if (!std::filesystem::create_directory(group, refused))
        GTEST_SKIP() << "no right to make a control group";
    std::ofstream(group / "cpu.cfs_quota_us") << 50000;
    const pid_t child = ::fork();
    if (child == 0) {
        std::ofstream(group / "cgroup.procs") << ::getpid() << std::flush;
        ::_exit(group_limits().cores == 0.5 ? cores() : 100);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 1);
    std::filesystem::remove(group, refused);
}

}  // namespace
}  // namespace autoresearch::platform

#endif
