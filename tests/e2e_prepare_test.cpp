// `prepare` as people use it: bad input gets one line, a mend and code 2; whatever ends it, the same command
// goes on and ends with the same bytes.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "e2e_fixture.h"

extern char** environ;

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

class PrepareE2e : public E2eTest {
  protected:
    PrepareE2e() {
        for (int i = 0; i < 120; ++i) {
            std::string text;
            std::mt19937 random(static_cast<unsigned>(i));
            for (int word = 0; word < 2000; ++word) {
                for (int letters = 2 + static_cast<int>(random() % 4); letters > 0; --letters)
                    text += static_cast<char>('a' + random() % 12);
                text += ' ';
            }
            corpus_.write("texts/" + std::to_string(i) + ".py", text);
        }
        setenv("AUTORESEARCH_DATA", data_.path().c_str(), 1);
    }
    void SetUp() override {
        repository = home / "repository";
        fs::create_directories(repository);
        sh("git init -q -b main");
    }

    std::string arguments() const {
        return "prepare --corpus " + (corpus_ / "texts").string() +
               " --vocab-size 600 --seq-len 64 --eval-tokens 8192";
    }

    /// The exit status of the command when it gets `signal` after so many milliseconds.
    int stopped(int signal, int milliseconds) const {
        const std::string line = "cd '" + repository.string() + "' && exec " + kBinary + " " + arguments();
        const char* const argv[] = {"sh", "-c", line.c_str(), nullptr};
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        for (const int fd : {1, 2}) posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
        pid_t pid = 0;
        EXPECT_EQ(posix_spawn(&pid, "/bin/sh", &actions, nullptr, const_cast<char**>(argv), environ), 0);
        posix_spawn_file_actions_destroy(&actions);
        std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
        ::kill(pid, signal);
        int status = 0;
        ::waitpid(pid, &status, 0);
        return status;
    }

    /// Every file of the one data set by name.
    std::map<std::string, std::string> data_set() const {
        std::map<std::string, std::string> content;
        for (const auto& folder : fs::directory_iterator(data_.path())) {
            if (folder.path().filename().string().front() == '.') continue;
            for (const auto& file : fs::directory_iterator(folder))
                content[file.path().filename().string()] += read_text(file.path());
        }
        return content;
    }

    void refused(const std::string& more, const std::string& words) {
        const Output output = autoresearch("prepare --vocab-size 600 --seq-len 64 " + more);
        EXPECT_EQ(output.code, 2) << output.out << output.err;
        EXPECT_NE(output.err.find(words), std::string::npos) << output.err;
        EXPECT_LE(std::count(output.err.begin(), output.err.end(), '\n'), 2) << output.err;
    }

    TempDirectory corpus_, data_;
};

TEST_F(PrepareE2e, KilledOrInterruptedAnywhereItEndsWithTheSameBytes) {
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_EQ(autoresearch(arguments()).code, 0);
    const auto whole =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin)
            .count();
    const auto expected = data_set();
    ASSERT_EQ(expected.size(), 5U);
    int before_the_end = 0;
    for (const int signal : {SIGKILL, SIGINT, SIGTERM}) {
        for (int i = 0; i < 5; ++i) {
            for (const auto& entry : fs::directory_iterator(data_.path())) fs::remove_all(entry.path());
            const int status = stopped(signal, static_cast<int>(whole * i / 5));
            if (WIFSIGNALED(status) || WEXITSTATUS(status) != 0) ++before_the_end;
            if (signal != SIGKILL) {
                EXPECT_FALSE(fs::exists(data_ / ".building"));
            }
            ASSERT_EQ(autoresearch(arguments()).code, 0);
            ASSERT_EQ(data_set(), expected) << "signal " << signal << ", moment " << i;
            EXPECT_FALSE(fs::exists(data_ / ".building"));
        }
    }
    EXPECT_GT(before_the_end, 4);
}

TEST_F(PrepareE2e, TheSecondTimeItOnlySaysSo) {
    ASSERT_EQ(autoresearch(arguments()).code, 0);
    const auto begin = std::chrono::steady_clock::now();
    const Output again = autoresearch(arguments());
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
    EXPECT_NE(again.out.find("was ready, checked"), std::string::npos) << again.out;
}

TEST_F(PrepareE2e, BadInputIsNamedWithCodeTwo) {
    const std::string golden = TEST_SOURCE_DIR "/tests/golden/texts.parquet";
    refused("--corpus " + golden + " --text-column body", "no column \"body\"");
    refused("--corpus " + corpus_.write("a.jsonl", "{\"body\": \"x\"}\n").string(),
            "no text in a field \"text\"");
    refused("--corpus " + corpus_.write("empty.txt", "").string(), "no text in corpus");
    fs::create_directory(corpus_ / "nothing");
    refused("--corpus " + (corpus_ / "nothing").string(), "no text in corpus");
    refused("--corpus " + golden, "too few documents to split");
    refused("--corpus " + corpus_.write("cut.parquet", read_text(golden).substr(0, 2000)).string(),
            "cut.parquet");
    refused("--corpus climbmx", "did you mean climbmix?");
    refused("--corpus " + (corpus_ / "texts").string() + " --vocab-size 900000",
            "larger than the data supports");
    refused("--corpus " + (corpus_ / "texts").string() + " --seq-len 1000000", "does not fill a row");
    EXPECT_TRUE(data_set().empty());
}

// A corpus to download, of parquet files, on a machine that cannot read them.
TEST_F(PrepareE2e, WhatAMachineCannotReadIsSaidBeforeTheDownload) {
    const fs::path kit = home / "kit", real = fs::path(TEST_BINARY_DIR) / "kit";
    fs::create_directory(kit);
    for (const char* name : {"kit.json", "build-trainer", "configs"})
        fs::copy(real / name, kit / name, fs::copy_options::recursive);
    for (const char* name : {"include", "prepare", "util"}) fs::create_directory(kit / name);
    // No address: whoever asks there gets another error.
    const std::string command =
        "HF_ENDPOINT=http://127.0.0.1:1 AUTORESEARCH_KIT='" + kit.string() + "' " + kBinary + " ";
    const Output output = sh(command + "prepare --corpus climbmix --shards 1");
    EXPECT_EQ(output.code, 2);
    EXPECT_NE(output.err.find("cannot read parquet files: "), std::string::npos) << output.err;
    EXPECT_NE(output.err.find("\n  run scripts/setup\n"), std::string::npos) << output.err;
    EXPECT_FALSE(fs::exists(data_ / ".downloads"));

    const auto checks = [&](const std::string& corpus) {
        const auto report = nlohmann::json::parse(sh(command + "doctor --json --corpus " + corpus).out);
        std::map<std::string, nlohmann::json> by_name;
        for (const auto& check : report["checks"]) by_name[check["name"]] = check;
        return by_name;
    };
    auto needed = checks("climbmix"), not_needed = checks("torch-sources");
    EXPECT_EQ(needed["data"]["ok"], false);
    EXPECT_EQ(needed["data"]["fix"], "run scripts/setup");
    EXPECT_EQ(not_needed["data"]["fix"].get<std::string>().rfind("run: autoresearch prepare ", 0), 0U);
    EXPECT_EQ(not_needed["parquet"]["ok"], true);
    EXPECT_NE(not_needed["parquet"]["detail"].get<std::string>().find("cannot read parquet files"),
              std::string::npos);
}

}  // namespace
}  // namespace autoresearch
