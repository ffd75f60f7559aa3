#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "autoresearch/error.h"
#include "record/run_info.h"
#include "settings/table.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

class RunInfoTest : public testing::Test {
  protected:
    void add_run(const std::string& tag, std::chrono::hours age) {
        repository.write(".autoresearch/" + tag + "/run.json", "{}");
        const fs::path file = repository.write(".autoresearch/" + tag + "/harness.log", "");
        fs::last_write_time(file, fs::file_time_type::clock::now() - age);
    }
    TempDirectory repository;
};

TEST_F(RunInfoTest, TheLastRunIsTheOneTouchedLast) {
    EXPECT_FALSE(last_run(repository.path()));
    add_run("a", std::chrono::hours(72));
    add_run("b", std::chrono::hours(2));
    add_run("c", std::chrono::hours(30));
    EXPECT_EQ(last_run(repository.path())->tag, "b");
    EXPECT_NEAR(last_run(repository.path())->seconds_ago, 7200, 60);
    repository.write(".autoresearch/c/harness.log", "more");
    EXPECT_EQ(last_run(repository.path())->tag, "c");
    EXPECT_EQ(run_tags(repository.path()), (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(RunInfoTest, MissingAndDamagedRunsAreNamed) {
    EXPECT_THROW(require_run(repository.path(), ""), UserError);
    add_run("nov22", std::chrono::hours(1));
    EXPECT_THROW(require_run(repository.path(), "nov22"), UserError) << "{} is no run";
    try {
        require_run(repository.path(), "nov23");
        FAIL();
    } catch (const UserError& error) {
        EXPECT_EQ(error.hint(), "did you mean --tag nov22?");
    }
}

TEST_F(RunInfoTest, WhatWasMeasuredAndHashedComesBack) {
    RunInfo run;
    run.directory = repository / ".autoresearch/nov22";
    run.config.values.tag = "nov22";
    for (const auto& key : setting_keys()) run.config.origins[key.name] = "default";
    fs::create_directories(run.directory);
    run.known = R"({"device":"cpu","matmul_peak":1.5e11})";
    run.kit_files = {{"include/autoresearch/ops.h", "0a"}};
    run.data_files = {{"train.bin", "1b"}, {"val.bin", "2c"}};
    save_run(run);
    const RunInfo read = require_run(repository.path(), "nov22");
    EXPECT_EQ(nlohmann::json::parse(read.known), nlohmann::json::parse(run.known));
    EXPECT_EQ(read.kit_files, run.kit_files);
    EXPECT_EQ(read.data_files, run.data_files);
}

TEST(ByHand, TheNewestTenFoldersStay) {
    const TempDirectory repository;
    const auto parent = repository / ".autoresearch/by-hand";
    for (int day = 10; day < 22; ++day)
        repository.write(".autoresearch/by-hand/202501" + std::to_string(day) + "-120000-train/run.log", "");
    const auto created = by_hand_directory(repository.path(), "replay-nov22-3");
    EXPECT_TRUE(created.string().ends_with("-replay-nov22-3"));
    const std::filesystem::directory_iterator left(parent);
    EXPECT_EQ(std::distance(begin(left), end(left)), 10);
    EXPECT_TRUE(std::filesystem::exists(created));
    EXPECT_FALSE(std::filesystem::exists(parent / "20250112-120000-train"));
    EXPECT_TRUE(std::filesystem::exists(parent / "20250113-120000-train"));
}

}  // namespace
}  // namespace autoresearch
