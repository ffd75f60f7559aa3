#include <autoresearch/error.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cerrno>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "contract/run_files.h"
#include "record/file_ledger.h"
#include "temp_directory.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;

class FileLedgerTest : public ::testing::Test {
  protected:
    static Experiment experiment(int number, Decision decision = Decision::keep) {
        Experiment result;
        result.number = number;
        result.idea = "idea " + std::to_string(number);
        result.commit = std::string(40, static_cast<char>('a' + number));
        result.verdict.decision = decision;
        Trial trial;
        trial.ending = Ending::ok;
        trial.val_bpb = 1.5 - 0.1 * number;
        trial.peak_memory_mb = 2048;
        result.trials = {trial};
        return result;
    }

    std::string text() const { return read_text(file_); }
    void set_text(const std::string& text) const {
        std::filesystem::remove(file_);  // some file systems flush a file that is overwritten in place
        directory_.write("run/ledger.jsonl", text);
    }

    std::string error() const {
        try {
            FileLedger ledger(run_);
        } catch (const UserError& error) {
            return error.what();
        }
        return "";
    }

    TempDirectory directory_;
    std::filesystem::path run_ = directory_ / "run";
    std::filesystem::path file_ = run_files::ledger(run_);
};

TEST_F(FileLedgerTest, ComesBackAfterReopening) {
    {
        FileLedger ledger(run_);
        EXPECT_TRUE(ledger.experiments().empty());
        ledger.append(experiment(0));
        ledger.append(experiment(1, Decision::discard));
    }
    FileLedger ledger(run_);
    ASSERT_EQ(ledger.experiments().size(), 2u);
    EXPECT_EQ(ledger.experiments()[1].idea, "idea 1");
    ledger.append(experiment(2));
    EXPECT_EQ(read_ledger(run_).size(), 3u);
}

TEST_F(FileLedgerTest, EveryLineIsOnTheDiskWhenAppendReturns) {
    FileLedger ledger(run_);
    ledger.append(experiment(0));
    EXPECT_EQ(read_ledger(run_).size(), 1u);
    EXPECT_TRUE(text().ends_with("}\n"));
}

TEST_F(FileLedgerTest, NumbersHaveNoGap) {
    FileLedger ledger(run_);
    ledger.append(experiment(0));
    EXPECT_THROW(ledger.append(experiment(0)), std::logic_error);
    EXPECT_THROW(ledger.append(experiment(2)), std::logic_error);
    EXPECT_EQ(ledger.experiments().size(), 1u);
}

TEST_F(FileLedgerTest, ASecondWriterEndsTheFirst) {
    FileLedger first(run_);
    first.append(experiment(0));
    FileLedger(run_).append(experiment(1));
    const auto whole = text();
    const auto derived = read_text(run_ / "experiments/0001/result.json");
    EXPECT_THROW(first.append(experiment(1)), UserError);
    EXPECT_EQ(text(), whole);
    EXPECT_EQ(read_text(run_ / "experiments/0001/result.json"), derived);
    EXPECT_EQ(read_ledger(run_).size(), 2u);
}

TEST_F(FileLedgerTest, ALostEndIsNotWrittenOver) {
    FileLedger ledger(run_);
    ledger.append(experiment(0));
    std::filesystem::resize_file(run_ / "ledger.jsonl", 10);
    EXPECT_THROW(ledger.append(experiment(1)), UserError);
    std::filesystem::remove(run_ / "ledger.jsonl");
    EXPECT_THROW(ledger.append(experiment(1)), UserError);
}

TEST_F(FileLedgerTest, SurvivesACutAtEveryLength) {
    {
        FileLedger(run_).append(experiment(0));
    }
    const auto whole = text();
    const auto head = whole.find('\n') + 1;
    for (std::size_t length = 0; length <= whole.size(); ++length) {
        const auto cut = whole.substr(0, length);
        set_text(cut);
        const std::size_t expected = length == whole.size() ? 1 : 0;
        EXPECT_EQ(read_ledger(run_).size(), expected) << length;
        EXPECT_EQ(text(), cut) << "reading changed the ledger";

        FileLedger ledger(run_);
        ASSERT_EQ(ledger.experiments().size(), expected) << length;
        ASSERT_EQ(text(), expected == 1 ? whole : whole.substr(0, head)) << length;
    }
    set_text(whole.substr(0, whole.size() / 2));
    FileLedger(run_).append(experiment(0));
    EXPECT_EQ(text(), whole);
}

TEST_F(FileLedgerTest, ATornLineIsCutOff) {
    {
        FileLedger(run_).append(experiment(0));
    }
    const auto whole = text();
    set_text(whole + "{\"number\":1,\"va");
    EXPECT_EQ(FileLedger(run_).experiments().size(), 1u);
    EXPECT_EQ(text(), whole);
    set_text(whole + std::string(100, '\0'));  // as some file systems leave it after a power cut
    EXPECT_EQ(FileLedger(run_).experiments().size(), 1u);
    EXPECT_EQ(text(), whole);
}

TEST_F(FileLedgerTest, DamageInTheMiddleNamesFileAndLine) {
    {
        FileLedger ledger(run_);
        for (int i = 0; i < 3; ++i) ledger.append(experiment(i));
    }
    const auto whole = text();
    const auto second = whole.find('\n', whole.find('\n') + 1) + 1;
    auto damaged = whole;
    damaged[second] = 'x';
    set_text(damaged);
    EXPECT_THAT(error(), AllOf(HasSubstr("ledger.jsonl line 3 cannot be read"), HasSubstr("not JSON")));
    EXPECT_EQ(text(), damaged);

    damaged = whole;
    damaged.erase(second, damaged.find('\n', second) + 1 - second);
    set_text(damaged);
    EXPECT_THAT(error(), AllOf(HasSubstr("line 3"), HasSubstr("experiment 1 should be here")));

    // The last line is JSON, so it was not torn: what is wrong with it is not for us to drop.
    set_text(whole + "{\"idea\":\"x\"}\n");
    EXPECT_THAT(error(), AllOf(HasSubstr("line 5"), HasSubstr("experiment 3 should be here")));
}

TEST_F(FileLedgerTest, NoNumberIsTooLargeToBeRefused) {
    const std::string version = "{\"autoresearch_ledger\":2}\n";
    set_text(version + "{\"number\":2147483647}\n");
    EXPECT_THAT(error(), HasSubstr("experiment 0 should be here"));
    set_text(version + "{\"number\":1e300}\n");
    EXPECT_THAT(error(), HasSubstr("line 2 cannot be read"));
    set_text(version + std::string(200'000, '[') + std::string(200'000, ']') + "\n{}\n");
    EXPECT_THAT(error(), HasSubstr("line 2 cannot be read: it is not JSON"));
}

TEST_F(FileLedgerTest, ADamagedTrialOfAnUnfinishedExperimentIsNamed) {
    FileLedger ledger(run_);
    ledger.save_trial(0, TrialSpec(), Trial());
    ASSERT_EQ(ledger.saved_trials(0, TrialSpec()).size(), 1U);
    const auto file = run_files::finished_trials(ledger.directory(0));
    auto line = nlohmann::json::parse(read_text(file));
    line["trial"]["seed"] = "one";
    directory_.write("run/experiments/0000/trials.jsonl", line.dump() + "\n");
    EXPECT_THROW(ledger.saved_trials(0, TrialSpec()), UserError);
}

TEST_F(FileLedgerTest, LostExperimentsAreNoticedByTheirFolders) {
    {
        FileLedger ledger(run_);
        for (int i = 0; i < 2; ++i) ledger.append(experiment(i));
        ledger.directory(2);  // the experiment that is going on
    }
    EXPECT_EQ(error(), "");
    const auto whole = text();
    for (const std::string& less : {std::string(), whole.substr(0, whole.find('\n') + 1)}) {
        set_text(less);
        EXPECT_THAT(error(), HasSubstr("ledger.jsonl lost experiments: it ends before number 0"));
        EXPECT_THROW(read_ledger(run_), UserError);
        EXPECT_EQ(text(), less);
    }
    std::filesystem::remove(file_);
    EXPECT_THROW(read_ledger(run_), UserError);
}

TEST_F(FileLedgerTest, AFolderThatSomebodyElsePutThereIsNoLostExperiment) {
    {
        FileLedger ledger(run_);
        ledger.append(experiment(0));
        ledger.directory(1);
    }
    for (const char* name : {"9999", "0002", "2026-notes", "99999999999999999999", "-3", "0007/result.json"})
        std::filesystem::create_directories(run_ / "experiments" / name);
    directory_.write("run/experiments/0005", "a file");
    EXPECT_EQ(error(), "");
    EXPECT_EQ(read_ledger(run_).size(), 1u);
}

TEST_F(FileLedgerTest, OddThingsInAnExperimentsPlacesAreReplaced) {
    const auto folder = run_ / "experiments/0001", elsewhere = directory_.write("elsewhere", "mine");
    FileLedger ledger(run_, [](const Experiment&) { return "--- a\n+++ b\n"; });
    ledger.append(experiment(0));
    const std::vector<std::function<void(const std::filesystem::path&)>> things = {
        [](const auto& place) { ASSERT_EQ(::mkfifo(place.c_str(), 0600), 0); },
        [&](const auto& place) { std::filesystem::create_symlink(elsewhere, place); },
        [](const auto& place) { std::filesystem::create_directories(place / "full/of"); }};
    int number = 0;
    for (const auto& put : things) {
        ++number;
        const auto name = run_files::experiment_directory(run_, number);
        put(name);
        EXPECT_TRUE(std::filesystem::is_directory(std::filesystem::symlink_status(ledger.directory(number))));
        for (const auto& file : {run_files::result(name), run_files::idea(name), run_files::patch(name),
                                 run_files::finished_trials(name)})
            put(file);
        EXPECT_TRUE(ledger.saved_trials(number, TrialSpec()).empty());
        ledger.save_trial(number, TrialSpec(), Trial());
        EXPECT_EQ(ledger.saved_trials(number, TrialSpec()).size(), 1u);
        ledger.append(experiment(number));
        EXPECT_EQ(read_text(name / "idea.txt"), "idea " + std::to_string(number) + "\n");
        EXPECT_FALSE(std::filesystem::exists(run_files::finished_trials(name)));
    }
    EXPECT_EQ(read_text(elsewhere), "mine");
    EXPECT_EQ(read_ledger(run_).size(), 4u);
}

TEST_F(FileLedgerTest, WhatEndsTheProgramWhileAProposalIsTriedIsFoundByTheNextStart) {
    Proposal proposal{1, "parent", "int main() {}\n", "an idea", {}};
    {
        FileLedger ledger(run_);
        EXPECT_EQ(ledger.new_proposal(), 1);
        ledger.save_proposal(proposal);
        ledger.note_fault(std::runtime_error("while none is tried"));
        ledger.trying(1);
        EXPECT_EQ(ledger.fault(1), "");
        ledger.note_fault(UserError("the kit is gone", "bring it back"));
        ledger.note_fault(std::system_error(ENOSPC, std::generic_category(), "cannot write"));
        EXPECT_EQ(ledger.fault(1), "") << "a person has to mend that";
        ledger.note_fault(std::out_of_range("number 7 of 3\nand more"));
    }
    FileLedger ledger(run_);
    EXPECT_EQ(ledger.saved_proposal()->id, 1);
    EXPECT_EQ(ledger.fault(1), "number 7 of 3 and more");
    EXPECT_EQ(ledger.fault(2), "");
}

TEST_F(FileLedgerTest, OtherFilesAndVersionsAreRefused) {
    set_text("commit\tval_bpb\nabc\t1\n");
    EXPECT_THAT(error(), HasSubstr("line 1"));
    set_text("{\"autoresearch_ledger\":99}\n");
    EXPECT_THAT(error(), HasSubstr("version line"));
    EXPECT_TRUE(read_ledger(directory_ / "nowhere").empty());
}

TEST_F(FileLedgerTest, ResultsAreInTheOriginalsColumns) {
    FileLedger ledger(run_);
    ledger.append(experiment(0));
    auto odd = experiment(1, Decision::discard);
    odd.idea = "\"tabs\"\tand\nlines";
    ledger.append(odd);
    auto crash = experiment(2, Decision::crash);
    crash.commit.clear();
    ledger.append(crash);
    const std::string expected =
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
        "aaaaaaa\t1.500000\t2.0\tkeep\tidea 0\n"
        "bbbbbbb\t1.400000\t2.0\tdiscard\t'tabs' and lines\n"
        "-\t0.000000\t0.0\tcrash\tidea 2\n";
    EXPECT_EQ(read_text(run_files::results(run_)), expected);
    std::filesystem::remove(run_files::results(run_));
    FileLedger again(run_);
    EXPECT_EQ(read_text(run_files::results(run_)), expected);
}

TEST_F(FileLedgerTest, EveryExperimentLeavesItsFiles) {
    FileLedger ledger(run_, [](const Experiment& done) { return done.number == 0 ? "" : "--- a\n+++ b\n"; });
    ledger.append(experiment(0));
    ledger.append(experiment(1));
    const auto folder = run_ / "experiments" / "0001";
    EXPECT_EQ(ledger.directory(1), folder);
    EXPECT_EQ(read_text(folder / "idea.txt"), "idea 1\n");
    EXPECT_EQ(read_text(folder / "patch.diff"), "--- a\n+++ b\n");
    EXPECT_EQ(nlohmann::json::parse(read_text(folder / "result.json"))["val_bpb"], 1.4);
    EXPECT_FALSE(std::filesystem::exists(run_ / "experiments" / "0000" / "patch.diff"));
}

TEST_F(FileLedgerTest, AProposalOutlivesTheProcess) {
    Proposal proposal{0, "parent", "int main() {}\n", "an idea", {}};
    {
        FileLedger ledger(run_);
        ledger.append(experiment(0));
        EXPECT_FALSE(ledger.saved_proposal());
        EXPECT_EQ(ledger.new_proposal(), 1);
        EXPECT_EQ(ledger.new_proposal(), 1) << "the agent was interrupted, and is asked again";
        proposal.id = 1;
        ledger.save_proposal(proposal);
        EXPECT_EQ(ledger.new_proposal(), 2) << "one may be made before the first is tried";
        EXPECT_FALSE(std::filesystem::exists(run_ / "experiments/0001")) << "not tried yet";
    }
    FileLedger ledger(run_);
    const auto saved = ledger.saved_proposal();
    ASSERT_TRUE(saved);
    EXPECT_EQ(saved->id, 1);
    EXPECT_EQ(saved->source, proposal.source);
    EXPECT_EQ(saved->parent, "parent");
    EXPECT_EQ(read_text(run_ / "proposals/0001/train.cpp"), proposal.source);
    EXPECT_EQ(read_text(run_ / "proposals/0001/idea.txt"), "an idea\n");

    Experiment tried = experiment(1);
    tried.proposal = 1;
    ledger.append(tried);
    EXPECT_FALSE(ledger.saved_proposal());
    EXPECT_EQ(read_text(run_ / "experiments/0001/train.cpp"), proposal.source)
        << "it may not have been built";
    EXPECT_EQ(read_text(run_ / "experiments/0001/proposal/idea.txt"), "an idea\n");
    EXPECT_EQ(ledger.new_proposal(), 2);
    directory_.write("run/proposals/0002/proposal.json", "{");
    EXPECT_THROW(ledger.saved_proposal(), UserError);
}

TEST_F(FileLedgerTest, FinishedTrialsAreThereUntilTheirExperimentIs) {
    TrialSpec spec, other;
    spec.source_hash = "a", other.source_hash = "b";
    spec.seed = 1;
    Trial trial;
    trial.ending = Ending::ok;
    trial.val_bpb = 1.25;
    {
        FileLedger ledger(run_);
        ledger.save_trial(0, spec, trial);
        ledger.save_trial(0, other, trial);
    }
    const auto file = run_files::finished_trials(run_files::experiment_directory(run_, 0));
    write_file(file, read_text(file) + "{\"identity\":{\"sour");
    FileLedger ledger(run_);
    spec.seed = 2;
    spec.grace = 99;  // no part of what a trial is
    const auto saved = ledger.saved_trials(0, spec);
    ASSERT_EQ(saved.size(), 1U);
    EXPECT_EQ(saved[0].val_bpb, 1.25);
    spec.threads = 7;
    EXPECT_TRUE(ledger.saved_trials(0, spec).empty());
    EXPECT_TRUE(ledger.saved_trials(1, other).empty());
    ledger.append(experiment(0));
    EXPECT_TRUE(ledger.saved_trials(0, other).empty());
}

}  // namespace
}  // namespace autoresearch
