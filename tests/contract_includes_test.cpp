// Who may include whom (docs/design.md). A wrong include compiles, so a test has to find it.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <vector>

#include "temp_directory.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using Folders = std::set<std::string>;

const Folders kSteps = {"propose", "guard", "trial", "judge", "record", "vcs", "tuner"};

/// Folders of ours that a file of this folder may include, its own not named.
Folders allowed(const std::string& folder) {
    if (folder == "util" || folder == "autoresearch") return {};
    if (folder == "box" || folder == "loop") return {"contract", "util"};
    if (folder == "proc") return {"contract", "util", "box"};
    if (folder == "settings") return {"contract", "util", "autoresearch"};
    if (folder == "view")
        return {"contract", "record", "settings", "util", "autoresearch", "prepare/data", "prepare/corpus"};
    if (folder == "record") return {"contract", "settings", "proc", "util", "autoresearch"};
    if (folder == "contract") return {"autoresearch", "util"};  // the names in the trainer's events
    if (folder == "propose")
        return {"contract", "util", "proc", "view", "autoresearch"};  // it tells an agent
    if (kSteps.count(folder)) return {"contract", "util", "proc", "autoresearch"};
    if (folder == "plan")
        return {"contract", "settings", "record",       "propose",      "trial",         "vcs",
                "proc",     "util",     "autoresearch", "prepare/data", "prepare/corpus"};
    if (folder == "cli") {
        Folders all = kSteps;
        all.insert({"plan", "contract", "util", "proc", "loop", "settings", "view", "autoresearch",
                    "prepare/data", "prepare/corpus"});
        return all;
    }
    if (folder == "src") return {"cli", "proc", "box"};
    if (folder == "prepare/data" || folder == "prepare/kernels") return {"autoresearch", "util"};
    if (folder == "prepare/fetch") return {"autoresearch", "util"};
    if (folder == "prepare/corpus") return {"autoresearch", "prepare/data", "prepare/fetch", "util"};
    if (folder == "prepare/metric") return {"autoresearch", "prepare/data", "prepare/kernels"};
    if (folder == "prepare/session")
        return {"autoresearch", "prepare/data", "prepare/kernels", "prepare/metric", "util"};
    if (folder == "train") return {"autoresearch"};
    ADD_FAILURE() << "no rule for folder " << folder << ": add it here and to docs/design.md";
    return {};
}

/// "src/loop/x.cpp" -> "loop", "prepare/data/x.h" -> "prepare/data", "include/autoresearch/x.h" ->
/// "autoresearch".
std::string folder_of(const fs::path& relative) {
    const std::string parent = relative.parent_path().string();
    if (parent.rfind("src/", 0) == 0) return parent.substr(4);
    if (parent == "include/autoresearch") return "autoresearch";
    return parent;
}

const fs::path kRoot = TEST_SOURCE_DIR;

std::vector<fs::path> sources() {
    std::vector<fs::path> files;
    for (const char* top : {"src", "include", "prepare", "train", "util"}) {
        for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
            const auto extension = entry.path().extension();
            if (extension == ".h" || extension == ".cpp")
                files.push_back(entry.path().lexically_relative(kRoot));
        }
    }
    return files;
}

/// Folder of an include of ours; empty for the standard library and third parties.
std::string included_folder(const std::string& name) {
    const std::string folder = fs::path(name).parent_path().string();
    if (folder == "autoresearch") return folder;
    return fs::exists(kRoot / name) || fs::exists(kRoot / "src" / name) ? folder : "";
}

TEST(Includes, KeepToTheRules) {
    const std::regex include(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
    int seen = 0;
    for (const auto& file : sources()) {
        const std::string folder = folder_of(file);
        const Folders rules = allowed(folder);
        std::istringstream text(read_text(kRoot / file));
        std::string line;
        while (std::getline(text, line)) {
            std::smatch match;
            if (!std::regex_search(line, match, include)) continue;
            const std::string target = included_folder(match[1]);
            if (target.empty() || target == folder) continue;
            ++seen;
            EXPECT_TRUE(rules.count(target)) << file.string() << " includes " << match[1];
        }
    }
    EXPECT_GT(seen, 50) << "the test no longer finds the includes";
}

TEST(Includes, ThirdPartiesStayInTheirPlace) {
    const std::map<std::string, Folders> places = {
        {"CLI/", {"cli", "prepare/session"}},
        {"git2", {"vcs"}},
        {"spdlog/s", {"view", "proc", "cli"}},  // the logger; spdlog's fmt may format text anywhere
        {"torch/", {"autoresearch", "prepare/kernels", "prepare/metric", "prepare/session", "train"}},
        {"ATen/", {"autoresearch", "prepare/kernels", "prepare/metric", "prepare/session", "train"}},
        {"pcre2", {"prepare/data", "util"}},
        {"curl/", {"prepare/fetch"}},
    };
    for (const auto& file : sources()) {
        const std::string text = read_text(kRoot / file);
        for (const auto& [header, folders] : places) {
            if (text.find("#include <" + header) == std::string::npos) continue;
            EXPECT_TRUE(folders.count(folder_of(file))) << file.string() << " includes <" << header << "...>";
        }
    }
}

TEST(Includes, FilesHaveNamesOfTheirOwn) {
    std::map<std::string, fs::path> files;
    for (const auto& file : sources()) {
        const auto [same, is_new] = files.emplace(file.filename().string(), file);
        EXPECT_TRUE(is_new) << file.string() << " and " << same->second.string();
    }
}

}  // namespace
}  // namespace autoresearch
