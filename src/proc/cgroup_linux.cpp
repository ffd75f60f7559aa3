#include "proc/cgroup_linux.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "util/text.h"

namespace autoresearch::platform {
namespace {

namespace fs = std::filesystem;

/// Our group of a controller (version 2: ""), and all that contain it: each may have a limit.
std::vector<fs::path> groups(const fs::path& root, const std::string& controller) {
    std::vector<fs::path> result;
    const std::string text = try_read_file(root / "proc/self/cgroup").value_or("");
    for (const std::string_view line : split_lines(text)) {  // 4:memory:/a/b, 2:cpu,cpuacct:/a/b or 0::/a/b
        const auto names = std::min(line.find(':'), line.size() - 1) + 1, path = line.find(':', names);
        if (path == std::string_view::npos) continue;
        const std::string all = "," + std::string(line.substr(names, path - names)) + ",";
        if (all.find("," + controller + ",") == std::string::npos) continue;
        fs::path at(line.substr(path + 1));
        const auto add = [&] { result.push_back(root / "sys/fs/cgroup" / controller / at.relative_path()); };
        for (add(); at.has_relative_path(); add()) at = at.parent_path();
    }
    return result;
}

double number_in(const fs::path& file) {  // "max", as a file that is not there, is 0
    return std::strtod(try_read_file(file).value_or("").c_str(), nullptr);
}

double cores_v2(const fs::path& group) {
    double quota = 0, period = 0;
    std::istringstream(try_read_file(group / "cpu.max").value_or("")) >> quota >> period;
    return period > 0 ? quota / period : 0;
}

double cores_v1(const fs::path& group) {
    const double period = number_in(group / "cpu.cfs_period_us");
    return period > 0 ? number_in(group / "cpu.cfs_quota_us") / period : 0;  // -1: no limit
}

double least(const std::vector<fs::path>& groups, const std::function<double(const fs::path&)>& limit,
             double known) {
    for (const fs::path& group : groups) {
        const double here = limit(group);
        if (here > 0 && (known <= 0 || here < known)) known = here;
    }
    return known;
}

}  // namespace

GroupLimits group_limits(const fs::path& root) {
    const auto all = groups(root, "");
    const auto memory = [](const char* name) {
        return [name](const fs::path& at) { return number_in(at / name); };
    };
    const double bytes =
        least(groups(root, "memory"), memory("memory.limit_in_bytes"), least(all, memory("memory.max"), 0));
    return {least(groups(root, "cpu"), cores_v1, least(all, cores_v2, 0)), static_cast<std::int64_t>(bytes)};
}

}  // namespace autoresearch::platform
