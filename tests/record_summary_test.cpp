#include <gtest/gtest.h>

#include "contract/run_files.h"
#include "record/file_ledger.h"
#include "record/summary.h"
#include "temp_directory.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

Experiment experiment(int number) {
    Experiment result;
    result.number = number;
    result.idea = "idea " + std::to_string(number);
    return result;
}

class SummaryTest : public testing::Test {
  protected:
    /// The run's owner appends so many experiments.
    void append(int count) {
        SummaryWriter writer(run, rules);
        FileLedger ledger(run, {}, [&](const auto& all) { writer.renew(all); });
        for (int i = 0; i < count; ++i)
            ledger.append(experiment(static_cast<int>(ledger.experiments().size())));
    }
    /// As `status` does: from the summary, else from the ledger.
    void expect_right(bool summary_serves, const char* when) const {
        const auto saved = read_summary(run);
        EXPECT_EQ(saved.has_value(), summary_serves) << when;
        if (!saved) return;
        const Summary right = summarize(read_ledger(run), rules);
        EXPECT_EQ(saved->rows, right.rows) << when;
        EXPECT_EQ(saved->facts, right.facts) << when;
    }

    const TempDirectory directory;
    const fs::path run = directory / "run";
    const fs::path file = run_files::summary(run), table = run_files::table(run);
    const SummaryRules rules = {
        [](const Experiment& one) { return one.idea; },
        [](const auto& all) { return nlohmann::ordered_json{{"count", all.size()}}; }};
};

TEST_F(SummaryTest, IsRenewedWithEachLine) {
    expect_right(false, "no run");
    append(0);
    expect_right(true, "no experiment");
    append(2);
    EXPECT_EQ(read_summary(run)->rows, "idea 0\nidea 1\n");
    EXPECT_EQ(read_summary(run)->facts["count"], 2);
    append(1);
    expect_right(true, "gone on");
}

TEST_F(SummaryTest, WhatDoesNotBelongToTheLedgerDoesNotServe) {
    append(3);
    const auto whole = read_text(file), rows = read_text(table), ledger = read_text(run_files::ledger(run));
    const auto put_back = [&] {
        write_file(file, whole);
        write_file(table, rows);
        write_file(run_files::ledger(run), ledger);
        expect_right(true, "as it was");
    };
    fs::remove(file);
    expect_right(false, "no summary");
    put_back();
    fs::remove(table);
    expect_right(false, "no rows");
    put_back();
    for (std::size_t length = 0; length + 2 < whole.size(); ++length) {
        write_file(file, whole.substr(0, length));
        expect_right(false, "a cut summary");
    }
    for (const char* other : {"[]", "{}", R"({"of":{"table_bytes":-1},"facts":{}})",
                              R"({"of":{},"facts":{}})", R"({"of":{"table_bytes":"x"}})"}) {
        write_file(file, other);
        expect_right(false, other);
    }
    put_back();
    write_file(table, rows.substr(0, rows.size() - 1));
    expect_right(false, "cut rows");
    write_file(table, "Idea" + rows.substr(4));
    expect_right(false, "other rows");
    write_file(table, rows + "idea 3\n");
    expect_right(true, "a row that is newer than the summary");
    put_back();
    write_file(run_files::ledger(run), ledger.substr(0, ledger.find('\n') + 1));
    expect_right(false, "a ledger that was emptied");
    std::string other = ledger;
    other.replace(other.rfind("idea 2"), 6, "idea X");
    write_file(run_files::ledger(run), other);
    expect_right(false, "another ledger of the same length");
    write_file(run_files::ledger(run), ledger + "{\"number\":");
    expect_right(false, "a line that is being written");
    put_back();
}

// A kill in between leaves what was there before.
TEST_F(SummaryTest, AKillBetweenLineAndSummaryIsHarmless) {
    append(2);
    {
        FileLedger ledger(run);  // nobody renews
        ledger.append(experiment(2));
    }
    expect_right(false, "the line alone");
    write_file(table, read_text(table) + "idea 2\n");
    expect_right(false, "the line and its row");
    append(0);
    expect_right(true, "mended when the run goes on");
    EXPECT_EQ(read_text(table), "idea 0\nidea 1\nidea 2\n");
}

TEST_F(SummaryTest, OnlyTheOwnerWrites) {
    append(2);
    fs::remove(file);
    fs::remove(table);
    expect_right(false, "gone");
    (void)read_ledger(run);
    EXPECT_FALSE(fs::exists(file) || fs::exists(table));
}

TEST_F(SummaryTest, RowsThatWereLostWhileTheRunGoesOnComeBack) {
    SummaryWriter writer(run, rules);
    FileLedger ledger(run, {}, [&](const auto& all) { writer.renew(all); });
    ledger.append(experiment(0));
    fs::remove(table);
    fs::remove(run_files::results(run));
    ledger.append(experiment(1));
    expect_right(true, "whole again");
    EXPECT_TRUE(read_text(run_files::results(run)).starts_with("commit\tval_bpb"));
}

}  // namespace
}  // namespace autoresearch
