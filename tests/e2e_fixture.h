#pragma once

// A user's repository in a temporary folder, and the real command run in it: real git, real compiles, real
// training.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "proc/boxed.h"
#include "temp_directory.h"
#include "util/text.h"

namespace autoresearch {

class E2eTest : public testing::Test {
  protected:
    struct Output {
        int code = -1;
        std::string out, err;
    };

    static constexpr const char* kBinary = TEST_BINARY_DIR "/autoresearch";
    // Small enough that a trial takes seconds; every run of a test names the same data.
    static constexpr const char* kData = " --vocab-size 512 --seq-len 64 --eval-tokens 16384";

    void SetUp() override {
        namespace fs = std::filesystem;
        // Where no walls hold, the rest can be tried still; tests/proc_box_test.cpp says why they do not.
        if (!find_box(BoxKind::automatic).ok()) setenv("AUTORESEARCH_BOX", "none", 1);
        repository = home / "repository";
        fs::create_directories(repository / "train");
        fs::copy(fs::path(TEST_SOURCE_DIR) / "train/train.cpp", repository / "train/train.cpp");
        fs::copy(fs::path(TEST_SOURCE_DIR) / "program.md", repository / "program.md");
        sh("git init -q -b main && git config user.name Tester && git config user.email tester@example.org "
           "&& "
           "git add -A && git commit -q -m start");
        setenv("AUTORESEARCH_DATA", (shared_data() / "data").c_str(), 1);
        const Output prepared = autoresearch("prepare --corpus '" + corpus().string() + "'" + kData);
        ASSERT_EQ(prepared.code, 0) << prepared.err;
    }

    /// Runs a shell line in the repository; stdout and stderr apart.
    Output sh(const std::string& line) const {
        const auto err = home / "stderr";
        const std::string full =
            "cd '" + repository.string() + "' && { " + line + "\n} 2>'" + err.string() + "' </dev/null";
        Output output;
        FILE* pipe = popen(full.c_str(), "r");
        char buffer[4096];
        for (std::size_t n = 0; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
            output.out.append(buffer, n);
        const int status = pclose(pipe);
        output.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        output.err = read_text(err);
        return output;
    }

    Output autoresearch(const std::string& arguments) const {
        return sh(std::string(kBinary) + " " + arguments);
    }

    /// The run command with this test's data and a budget of seconds; every trial counts, however busy the
    /// machine is, and one is enough.
    std::string run_line(const std::string& more) const {
        return "run --corpus '" + corpus().string() + "'" + kData +
               " --device cpu --budget 2 --tag e2e --repeats 0 "
               "--judge plain --confirm-seeds 0 --agent-write '" +
               home.path().string() + "' " + more;
    }

    /// A kit whose every program is the stand-in trainer (tests/programs/trainer.cpp), so that an experiment
    /// takes a moment; each probe leaves a line in home/probes. What to put before a command to use it.
    std::string with_stand_in_kit() const {
        namespace fs = std::filesystem;
        const fs::path kit = home / "kit", real = fs::path(TEST_BINARY_DIR) / "kit";
        fs::create_directory(kit);
        for (const char* name : {"kit.json", "program.md", "configs"})
            fs::copy(real / name, kit / name, fs::copy_options::recursive);
        for (const char* name : {"include/autoresearch", "prepare", "util"})
            fs::create_directories(kit / name);
        const auto script = [&](const char* name, const std::string& text) {
            fs::permissions(home.write(name, "#!/bin/sh\n" + text + "\n"), fs::perms(0755));
        };
        fs::copy_file(TEST_BINARY_DIR "/program_trainer", kit / "stand-in");  // a build sees the kit alone
        script("kit/build-trainer", "{ cat '" + (kit / "stand-in").string() +
                                        "'; echo; cat \"$1\"; } > \"$2\" && chmod +x \"$2\"");
        script("train", "echo \"$*\" >> '" + (home / "probes").string() +
                            R"('; echo '{"device": "cpu", "self_check": "ok"}')");
        return "AUTORESEARCH_KIT='" + kit.string() + "' ";
    }

    std::vector<nlohmann::json> ledger() const {
        std::vector<nlohmann::json> lines;
        std::istringstream text(read_text(repository / ".autoresearch/e2e/ledger.jsonl"));
        std::string line;
        std::getline(text, line);  // the version
        while (std::getline(text, line)) lines.push_back(nlohmann::json::parse(line));
        return lines;
    }

    std::filesystem::path directory(int number) const {
        char name[8];
        std::snprintf(name, sizeof name, "%04d", number);
        return repository / ".autoresearch/e2e/experiments" / name;
    }

    /// Ledger, refs and branch tell the same story; the user's side of the repository is untouched.
    void expect_consistent(std::size_t experiments) const {
        const auto lines = ledger();
        ASSERT_EQ(lines.size(), experiments);
        std::string tip;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            EXPECT_EQ(lines[i]["number"], i);
            char ref[64];
            std::snprintf(ref, sizeof ref, "refs/autoresearch/e2e/%04d", static_cast<int>(i));
            EXPECT_EQ(sh(std::string("git rev-parse ") + ref).out,
                      lines[i]["commit"].get<std::string>() + "\n");
            if (lines[i]["verdict"]["decision"] == "keep") tip = lines[i]["commit"];
        }
        EXPECT_EQ(sh("git rev-parse autoresearch/e2e").out, tip + "\n");
        EXPECT_EQ(sh("git for-each-ref refs/autoresearch | wc -l").out, std::to_string(experiments) + "\n");
        EXPECT_EQ(sh("git status --porcelain").out, "");
        EXPECT_EQ(sh("git symbolic-ref HEAD").out, "refs/heads/main\n");
        EXPECT_EQ(sh("git rev-list --count main").out, "1\n");
        EXPECT_EQ(sh("git fsck --strict 2>&1 | grep -v dangling").out, "");
        std::istringstream table(read_text(repository / ".autoresearch/e2e/results.tsv"));
        std::string row;
        std::size_t rows = 0;
        while (std::getline(table, row)) ++rows;
        EXPECT_EQ(rows, experiments + 1) << "results.tsv: a header and a row each";
    }

    /// Real text that is on every machine that can build the program.
    static std::filesystem::path corpus() {
        const auto kit =
            nlohmann::json::parse(read_file(std::filesystem::path(TEST_BINARY_DIR) / "kit/kit.json"));
        return std::filesystem::path(kit.at("torch").get<std::string>()) / "nn";
    }

    /// Prepared once for all tests of this binary.
    static const std::filesystem::path& shared_data() {
        static const TempDirectory directory;
        return directory.path();
    }

    TempDirectory home;
    std::filesystem::path repository;
};

}  // namespace autoresearch
