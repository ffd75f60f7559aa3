#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>

#include "autoresearch/error.h"
#include "proc/signals.h"
#include "propose/agent_proposer.h"
#include "temp_directory.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace fs = std::filesystem;

/// Agents are lines of sh that run at the desk.
class AgentProposerTest : public ::testing::Test {
  protected:
    void SetUp() override {
        directory_.write("program.md", "The rules.\n");
        directory_.write("kit/include/autoresearch/session.h", "// session\n");
        directory_.write("kit/prepare/session/clock.cpp", "// clock\n");
        directory_.write("kit/include/autoresearch/session.h.gch", "large");
        const auto build =
            directory_.write("kit/build-trainer", "#!/bin/sh\necho \"checked $1 $2\"; grep -c int \"$2\"\n");
        fs::permissions(build, fs::perms(0755));
        directory_.write("run/experiments/0000/result.json", "{}");
        directory_.write("run/experiments/0000/train.cpp", source_);
        directory_.write("run/experiments/0000/run.log", std::string(20000, 'x') + "\nlast line\n");
        directory_.write("run/experiments/0001/prompt.md", "not over yet");
        options_.desk = {directory_ / "desks", directory_ / "program.md", directory_ / "kit",
                         directory_ / "run/experiments"};
        options_.budget = "300 s";
        options_.settings.agent_limit = 20;
        options_.kill_grace = 0.2;
        incumbent_.commit = "aaa";
        incumbent_.idea = "baseline";
        incumbent_.verdict.decision = Decision::keep;
        history_ = {incumbent_};
    }
    Answer propose(const std::string& command, const StopRequest& stop = NeverStop()) {
        options_.agent = find_agent({}, command);
        return AgentProposer(options_, stop).propose(request());
    }
    ProposalRequest request() const { return {1, incumbent_, source_, history_, folder()}; }
    /// The edit, in a test that is about something else than its failure.
    Proposal edit(const std::string& command) {
        const Answer answer = propose(command);
        EXPECT_TRUE(answer.status.ok()) << answer.status.failure().reason;
        return answer.proposal;
    }
    std::string reason(const std::string& command) {
        const Answer answer = propose(command);
        EXPECT_FALSE(answer.status.ok()) << command;
        if (answer.status.ok()) return "no failure";
        EXPECT_EQ(to_string(answer.status.ending()), "no_proposal");
        EXPECT_EQ(answer.proposal.agent.calls, 1);
        return answer.status.failure().reason;
    }
    fs::path folder() const { return directory_ / "run/proposals/0001"; }
    std::string log() const { return read_text(folder() / "agent.log"); }

    TempDirectory directory_;
    std::string source_ = "int main() {}\n";
    Experiment incumbent_;
    std::vector<Experiment> history_;
    AgentProposerOptions options_;
};

TEST_F(AgentProposerTest, AnEditComesBackWithItsIdea) {
    const Proposal proposal = edit(
        "echo '// more' >> train/train.cpp; printf '\\n add a comment \\nsecond line\\n' > idea.txt; echo "
        "done");
    EXPECT_EQ(proposal.parent, "aaa");
    EXPECT_EQ(proposal.source, source_ + "// more\n");
    EXPECT_EQ(proposal.idea, "add a comment");
    EXPECT_EQ(proposal.agent.name, "echo");
    EXPECT_GT(proposal.agent.seconds, 0);
    EXPECT_TRUE(proposal.agent.ignored_files.empty());
    EXPECT_EQ(log(), "done\n");
    EXPECT_THAT(read_text(folder() / "prompt.md"), HasSubstr("The rules."));
    EXPECT_TRUE(fs::is_empty(directory_ / "desks")) << "the desk was left behind";
}

TEST_F(AgentProposerTest, TheDeskHasWhatAnAgentNeeds) {
    edit(
        "cat; find . -type f | sort; cat history.md; tail -n 1 experiments/0000/run.log; wc -c < "
        "experiments/0000/run.log; ./check; echo x >> train/train.cpp");
    const std::string text = log();
    EXPECT_THAT(text, StartsWith("The rules."));  // the prompt on stdin
    for (const char* line :
         {"./check\n", "./program.md\n", "./history.md\n", "./train/train.cpp\n",
          "./include/autoresearch/session.h\n", "./prepare/session/clock.cpp\n",
          "./experiments/0000/train.cpp\n", "./experiments/0000/result.json\n", "# What was tried",
          "\nlast line\n", "\n10\n", "checked --check train/train.cpp\n1\n"}) {
        EXPECT_THAT(text, HasSubstr(line));
    }
    EXPECT_THAT(text, ::testing::Not(HasSubstr("experiments/0001")));
    EXPECT_THAT(text, ::testing::Not(HasSubstr("session.h.gch")));
}

/// Earlier experiments, of which every 20th was kept.
class DeskTest : public AgentProposerTest {
  protected:
    void add(int number) {
        const std::string folder = fmt::format("run/experiments/{:04}/", number);
        for (const char* name : {"result.json", "train.cpp", "patch.diff", "curve-1.csv"})
            directory_.write(folder + name, fmt::format("{} {}", name, number));
        Experiment experiment;
        experiment.number = number;
        experiment.verdict.decision = number % 20 == 0 ? Decision::keep : Decision::discard;
        history_.push_back(experiment);
    }
    /// What an agent finds in experiments/ at its desk, before it runs this line.
    std::string ask(AgentProposer& proposer, int number, const std::string& line = "true") const {
        directory_.write("line", line);
        fs::create_directories(directory_ / "answer");
        fs::remove(directory_ / "answer/agent.log");
        proposer.propose({number, incumbent_, source_, history_, directory_ / "answer"});
        return read_text(directory_ / "answer/agent.log");
    }
    AgentProposerOptions options() {
        options_.agent = find_agent(
            {}, "find experiments -type f | sort | xargs head -n 1; . " + (directory_ / "line").string());
        return options_;
    }
    std::string records() const {
        std::map<std::string, std::string> all;
        for (const auto& entry : fs::recursive_directory_iterator(directory_ / "run/experiments"))
            if (entry.is_regular_file()) all[entry.path().string()] = read_text(entry.path());
        std::string text;
        for (const auto& [name, content] : all) text += name + content;
        return text;
    }
    NeverStop stop_;
};

TEST_F(DeskTest, IsAtOnePathForAWholeRun) {
    const std::string line =
        "pwd -P >> \"" + (directory_ / "paths").string() + "\"; echo x >> train/train.cpp";
    options_.agent = find_agent({}, ". " + (directory_ / "line").string());
    std::string path;
    for (const int start : {1, 2, 3}) {
        AgentProposer proposer(options_, stop_);
        ask(proposer, start, line);
        ask(proposer, start, line + "; exit 1");
        ask(proposer, 7, line);
        if (path.empty()) path = first_line(read_text(directory_ / "paths"));
        EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
        if (start == 2) directory_.write("other/experiments/x", "");
    }
    std::string nine;
    for (int i = 0; i < 9; ++i) nine += path + "\n";
    EXPECT_EQ(read_text(directory_ / "paths"), nine);
    options_.desk.experiments = directory_ / "other/experiments";
    AgentProposer other(options_, stop_);
    ask(other, 1, line);
    EXPECT_NE(last_line(read_text(directory_ / "paths")), path) << "another run has another one";
}

TEST_F(DeskTest, WhatAKilledStartLeftThereIsGone) {
    std::string path;
    {
        AgentProposer proposer(options(), stop_);
        path = std::string(last_line(ask(proposer, 1, "pwd -P")));
    }
    directory_.write("elsewhere/mine", "mine");
    const std::vector<std::function<void()>> leftovers = {
        [&] { write_file(path, "a file"); },
        [&] { fs::create_directory_symlink(directory_ / "elsewhere", path); },
        [&] {
            fs::create_directories(path + "/train");
            write_file(path + "/train/train.cpp", "half an edit");
            fs::permissions(path, fs::perms::none);
        }};
    for (const auto& leave : leftovers) {
        leave();
        AgentProposer proposer(options(), stop_);
        EXPECT_EQ(last_line(ask(proposer, 1, "cat train/train.cpp; ls | wc -l; pwd -P")), path);
        EXPECT_THAT(read_text(directory_ / "answer/agent.log"), HasSubstr(source_ + "7\n"));
        EXPECT_EQ(read_text(directory_ / "elsewhere/mine"), "mine");
    }
}

TEST_F(DeskTest, HoldsTheKeptOnesAndTheNewest) {
    for (int i = 1; i < 90; ++i) add(i);
    std::string expected;
    const auto show = [&](int number) {
        for (const char* name : {"curve-1.csv", "patch.diff", "result.json", "train.cpp"})
            expected += fmt::format("experiments/{:04}/{}\n", number, name);
    };
    const std::string list = "find experiments -mindepth 2 | grep -v 0000 | sort";
    options_.agent = find_agent({}, ". " + (directory_ / "line").string());
    AgentProposer lists(options_, stop_);
    for (int i = 1; i < 90; ++i)
        if (i % 20 == 0 || i >= 40) show(i);
    EXPECT_EQ(ask(lists, 90, list), expected);
    add(90);
    expected.clear();
    for (int i = 1; i < 91; ++i)
        if (i % 20 == 0 || i >= 41) show(i);
    EXPECT_EQ(ask(lists, 91, list), expected) << "the next desk";
    EXPECT_EQ(ask(lists, 91, list), expected) << "the same desk again";
}

TEST_F(DeskTest, ARecordThatGrewIsShownAsItIs) {
    add(1);
    AgentProposer proposer(options(), stop_);
    EXPECT_EQ(ask(proposer, 90).find("curve-2"), std::string::npos);
    directory_.write("run/experiments/0001/curve-2.csv", "another seed");
    EXPECT_NE(ask(proposer, 91).find("==> experiments/0001/curve-2.csv <==\nanother seed"),
              std::string::npos);
}

TEST_F(DeskTest, WhatAnAgentDoesThereHarmsNeitherTheRecordsNorTheNextDesk) {
    for (int i = 1; i < 3; ++i) add(i);
    const std::string before = records();
    AgentProposer proposer(options(), stop_);
    const std::string right = ask(proposer, 90);
    ASSERT_NE(right.find("==> experiments/0002/train.cpp <==\ntrain.cpp 2"), std::string::npos);
    const std::string elsewhere = (directory_ / "elsewhere").string();
    directory_.write("elsewhere/0002/train.cpp", "mine");
    for (const std::string harm :
         {"echo x >> experiments/0002/train.cpp", "printf 'TRAIN.cpp 2' > experiments/0002/train.cpp",
          "touch -r experiments/0002/train.cpp t; printf 'TRAIN.cpp 2' > experiments/0002/train.cpp; "
          "touch -r t experiments/0002/train.cpp",
          "rm experiments/0002/train.cpp; printf 'TRAIN.cpp 2' > experiments/0002/train.cpp",
          "rm -r experiments/0001", "rm -r experiments", "touch experiments/0002/more",
          "mkdir experiments/0002/more", "touch experiments/more", "mkdir experiments/9999",
          "chmod 000 experiments/0002", "chmod 000 experiments", "chmod 555 experiments",
          "mv experiments/0001 t; mv experiments/0002 experiments/0001; mv t experiments/0002",
          "rm -r experiments/0002; ln -s /etc experiments/0002", "rm -r experiments; touch experiments",
          "rm experiments/0002/train.cpp; ln -s /etc/passwd experiments/0002/train.cpp",
          "mv experiments t; ln -s t experiments", "rm -r \"$PWD\""}) {
        ask(proposer, 91, harm);
        EXPECT_EQ(ask(proposer, 91, harm), right) << "the same desk, after " << harm;
        EXPECT_EQ(ask(proposer, 90), right) << "the next desk, after " << harm;
        EXPECT_EQ(records(), before) << harm;
    }
    for (const std::string& link :
         {"rm -r experiments; ln -s " + elsewhere + " experiments",
          "rm -r \"$PWD\"; mkdir -p " + elsewhere + "/experiments; ln -s " + elsewhere + " \"$PWD\""}) {
        ask(proposer, 91, link);
        EXPECT_EQ(ask(proposer, 90), right) << link;
        EXPECT_EQ(read_text(elsewhere + "/0002/train.cpp"), "mine") << link;
        EXPECT_TRUE(fs::exists(elsewhere)) << link;
    }
}

TEST_F(AgentProposerTest, FieldsAndEnvironmentReachTheAgent) {
    options_.settings.model = "big model";
    options_.settings.device = "mps";
    ::setenv("CLAUDECODE", "1", 1);
    ::setenv("GIT_DIR", "/somewhere", 1);
    edit(
        "echo {model},{device},{experiment}; test {desk} = \"$(pwd -P)\" && echo here; head -n 1 "
        "{prompt_file};"
        "echo \"$TERM $NO_COLOR ${CLAUDECODE-none} ${GIT_DIR-none}\"; cat; echo x >> train/train.cpp");
    EXPECT_EQ(log(), "big model,mps,1\nhere\nThe rules.\ndumb 1 none none\n");
    ::unsetenv("CLAUDECODE");
    ::unsetenv("GIT_DIR");
}

TEST_F(AgentProposerTest, OtherChangesAreListedAndStayBehind) {
    const Proposal proposal = edit(
        "echo x >> train/train.cpp; echo y >> prepare/session/clock.cpp; rm program.md; mkdir -p train/new; "
        "echo z > "
        "train/new/a.h; ln -s /etc/passwd link; echo use > .agent/usage; rm check; mkdir check; chmod 000 "
        "train/new");
    const auto& ignored = proposal.agent.ignored_files;
    EXPECT_THAT(ignored,
                ::testing::IsSupersetOf({"check", "link", "prepare/session/clock.cpp", "program.md"}));
    EXPECT_THAT(ignored, ::testing::Not(::testing::Contains(".agent/usage")));
    EXPECT_EQ(proposal.idea, "no idea given");
    EXPECT_EQ(read_text(directory_ / "kit/prepare/session/clock.cpp"), "// clock\n");
    EXPECT_EQ(read_text(directory_ / "program.md"), "The rules.\n");
    EXPECT_TRUE(fs::is_empty(directory_ / "desks"));
}

TEST_F(AgentProposerTest, FoldersDeeperThanAPathMayBeAreListedWithTheRestAndRemoved) {
    const auto ignored =
        edit(
            "name=$(printf %0200d 0); (for i in $(seq 40); do mkdir $name; : > file; cd -P $name; done); "
            "echo x >> train/train.cpp; : > a; : > zzz; mkdir -p prepare/new; : > prepare/new/file")
            .agent.ignored_files;
    EXPECT_THAT(ignored, ::testing::IsSupersetOf({"a", "zzz", "prepare/new/file", "file"}));
    EXPECT_EQ(ignored.size(), 4 + 15 + 1U) << "the one that is too deep stands for what is in it";
    EXPECT_TRUE(fs::is_empty(directory_ / "desks"));
}

TEST_F(AgentProposerTest, NothingElseThanAPlainFileIsReadAsIdeaOrReport) {
    const std::string key =
        "'" + directory_.write("private", R"({"cost": 7, "text": "a key"})").string() + "'";
    const std::string edit =
        "echo x >> train/train.cpp; echo '{\"cost\": 2}' > report.json; echo i > idea.txt; ";
    const auto answer = [&](const std::string& more) {
        options_.agent = find_agent({}, edit + more);
        options_.agent.output = {"report.json", {"text"}, {}, {}, {"cost"}, {}, false, false};
        return AgentProposer(options_, NeverStop()).propose(request()).proposal;
    };
    EXPECT_EQ(answer("true").agent.usd, 2);
    for (const std::string& other :
         {"ln -sf " + key, "ln -f " + key, std::string("rm -f idea.txt report.json; mkfifo"),
          std::string("rm -f idea.txt report.json; mkdir")}) {
        const Proposal proposal = answer(other + " idea.txt; " + other + " report.json");
        EXPECT_EQ(proposal.idea, "no idea given") << other;
        EXPECT_EQ(proposal.agent.usd, 0) << other;
    }
}

TEST_F(AgentProposerTest, OddThingsAmongTheRecordsAreLeftOutOrReplaced) {
    const auto records = directory_ / "run/experiments/0000";
    fs::remove(records / "run.log");
    for (const char* name : {"run.log", "curve-1.csv"})
        ASSERT_EQ(::mkfifo((records / name).c_str(), 0600), 0);
    fs::create_symlink("/etc/passwd", records / "curve-2.csv");
    fs::create_directory(records / "curve-3.csv");
    fs::create_directories(folder());
    ASSERT_EQ(::mkfifo((folder() / "agent.log").c_str(), 0600), 0);
    const auto elsewhere = directory_.write("elsewhere", "mine");
    fs::create_symlink(elsewhere, folder() / "prompt.md");
    edit("ls experiments/0000; echo x >> train/train.cpp");
    EXPECT_EQ(log(), "result.json\ntrain.cpp\n");
    EXPECT_EQ(read_text(elsewhere), "mine");
}

TEST_F(AgentProposerTest, AListOfIgnoredFilesIsShort) {
    const auto ignored =
        edit("echo x >> train/train.cpp; for i in $(seq 100); do : > file$i; done").agent.ignored_files;
    EXPECT_EQ(ignored.size(), 21u);
    EXPECT_EQ(ignored.back(), "and 80 more");
}

TEST_F(AgentProposerTest, EveryWayToGiveNoProposal) {
    EXPECT_EQ(reason("true"), "the agent left train.cpp unchanged");
    EXPECT_EQ(reason("echo idea > idea.txt"), "the agent left train.cpp unchanged");
    EXPECT_EQ(reason("rm train/train.cpp"), "the agent deleted train/train.cpp");
    EXPECT_EQ(reason("rm -r train"), "the agent deleted train/train.cpp");
    EXPECT_THAT(reason("rm train/train.cpp; ln -s /etc/passwd train/train.cpp"),
                HasSubstr("other than a plain file"));
    EXPECT_THAT(reason("mv train elsewhere; echo x >> elsewhere/train.cpp; ln -s elsewhere train"),
                HasSubstr("plain file"));
    EXPECT_THAT(reason("rm train/train.cpp; mkdir train/train.cpp"), HasSubstr("plain file"));
    EXPECT_THAT(reason("rm train/train.cpp; mkfifo train/train.cpp"), HasSubstr("plain file"));
    directory_.write("private", "a key");
    EXPECT_THAT(reason("ln -f '" + (directory_ / "private").string() + "' train/train.cpp"),
                HasSubstr("plain file"));
    EXPECT_EQ(reason("head -c 50000000 /dev/zero > train/train.cpp"),
              "the agent made train/train.cpp 47 MiB large");
    EXPECT_EQ(reason("echo x >> train/train.cpp; echo broken >&2; exit 7"),
              "the agent failed with exit code 7: broken");
    EXPECT_THAT(reason("kill -SEGV $$"), HasSubstr("Segmentation fault"));
    EXPECT_EQ(reason("echo 'You have hit your usage limit, try again at 4:45 PM'; exit 1"),
              "the agent failed with exit code 1: You have hit your usage limit, try again at 4:45 PM");
    EXPECT_EQ(reason("echo working; echo 'no key' >&2; exit 1"), "the agent failed with exit code 1: no key");
    EXPECT_THAT(reason("true; no-such-agent-program now"), HasSubstr("exit code 127"));
}

TEST_F(AgentProposerTest, AnAgentThatHangsIsEndedWithItsChildren) {
    options_.settings.agent_limit = 0.5;
    const auto alive = directory_ / "alive";
    EXPECT_EQ(reason("trap '' TERM; (while :; do echo . >> " + alive.string() +
                     "; sleep 0.02; done) & echo x >> train/train.cpp; wait; sleep 1000"),
              "the agent took longer than 0.5 s");
    const auto written = fs::file_size(alive);
    EXPECT_GT(written, 0u);
    ::usleep(200000);
    EXPECT_EQ(fs::file_size(alive), written) << "the child lives on";
}

TEST_F(AgentProposerTest, AQuestionFindsNobodyToAnswer) {
    EXPECT_EQ(reason("cat > /dev/null; read answer || echo 'no answer'"),
              "the agent left train.cpp unchanged; it said: \"no answer\"");
    EXPECT_EQ(log(), "no answer\n");
    EXPECT_EQ(reason("echo Should I change the depth or the width?"),
              "the agent asked instead of editing: Should I change the depth or the width?");
}

TEST_F(AgentProposerTest, AStopIsInterrupted) {
    struct StopNow : StopRequest {
        bool after_experiment() const override { return true; }
        bool now() const override { return true; }
    };
    const Answer answer = propose("sleep 1000", StopNow());
    ASSERT_FALSE(answer.status.ok());
    EXPECT_EQ(to_string(answer.status.ending()), "interrupted");
}

TEST_F(AgentProposerTest, ALongIdeaIsClipped) {
    EXPECT_EQ(edit("echo x >> train/train.cpp; head -c 5000 /dev/zero | tr '\\0' i > idea.txt").idea.size(),
              200u);
    EXPECT_EQ(edit("echo y >> train/train.cpp; ln -s /etc/passwd idea.txt").idea, "no idea given");
}

TEST_F(AgentProposerTest, AnAdaptersFilesAreNotReported) {
    NeverStop stop;
    options_.agent = find_agent({}, "cat .tool/settings.json; echo $TERM; echo x >> train/train.cpp");
    options_.agent.files[".tool/settings.json"] = "{}\n";
    options_.agent.env = {{"TERM", "special"}};
    const Answer answer = AgentProposer(options_, stop).propose(request());
    ASSERT_TRUE(answer.status.ok());
    EXPECT_EQ(log(), "{}\nspecial\n");
    EXPECT_TRUE(answer.proposal.agent.ignored_files.empty());
}

/// A rejected answer comes back: same desk, same conversation.
TEST_F(AgentProposerTest, AnAgentMendsItsEditWhereItLeftIt) {
    options_.agent = find_agent({}, R"(
        if [ -n {session} ]; then echo again {session}; cat; echo mended >> train/train.cpp
        else echo first; echo what > idea.txt; echo edit >> train/train.cpp; fi
        echo '{"id":"s1","usage":{"in":100},"cost":0.5}')");
    options_.agent.output = {"", {}, {"id"}, {"usage.in"}, {"cost"}, {}, false, false};
    NeverStop stop;
    AgentProposer proposer(options_, stop);
    const Answer first = proposer.propose(request());
    ASSERT_TRUE(first.status.ok());
    EXPECT_EQ(first.proposal.source, source_ + "edit\n");
    EXPECT_EQ(first.proposal.agent.session, "s1");
    EXPECT_EQ(first.proposal.agent.tokens, 100);
    EXPECT_EQ(first.proposal.agent.usd, 0.5);
    const Failure failure{Ending::refused, "line 2: edit: not allowed"};
    auto more = request();
    more.rejected = &first.proposal;
    more.rejection = &failure;
    const Answer second = proposer.propose(more);
    ASSERT_TRUE(second.status.ok());
    EXPECT_EQ(second.proposal.source, source_ + "edit\nmended\n");
    EXPECT_EQ(second.proposal.idea, "what");
    EXPECT_THAT(log(), HasSubstr("again s1\n\n## Your last answer cannot be used\n\nWhat stands behind"));
    EXPECT_THAT(log(), HasSubstr("\nWhy:\n> line 2: edit: not allowed\n"));
    EXPECT_THAT(log(), ::testing::Not(HasSubstr("The rules."))) << "the conversation has them";

    options_.agent.output.running_totals = true;
    AgentProposer total(options_, stop);
    EXPECT_EQ(total.propose(request()).proposal.agent.tokens, 100);
    EXPECT_EQ(total.propose(more).proposal.agent.tokens, 0) << "of the same conversation: counted already";

    // Another process, after a kill: no desk, no conversation, but the edit and the reason.
    const Answer third = AgentProposer(options_, stop).propose(more);
    ASSERT_TRUE(third.status.ok());
    EXPECT_EQ(third.proposal.source, source_ + "edit\nedit\n");
    EXPECT_THAT(read_text(folder() / "prompt.md"), HasSubstr("Why:\n> line 2"));
}

TEST_F(AgentProposerTest, AnAgentThatCannotGoOnIsToldTheWholeTaskAgain) {
    options_.agent = find_agent({}, R"(cat > last; cat last; echo x >> train/train.cpp; echo '{"id":"s1"}')");
    options_.agent.output.session = {"id"};
    options_.agent.output.tokens = {"n"};
    NeverStop stop;
    AgentProposer proposer(options_, stop);
    const Answer first = proposer.propose(request());
    EXPECT_EQ(first.proposal.agent.session, "s1");
    const Failure failure{Ending::refused, "line 2: not allowed"};
    auto more = request();
    more.rejected = &first.proposal;
    more.rejection = &failure;
    proposer.propose(more);
    EXPECT_NE(log().find("The rules."), log().rfind("The rules."));
    EXPECT_THAT(log(), HasSubstr("Why:\n> line 2: not allowed"));
}

TEST_F(AgentProposerTest, ADeskThatAnAgentBrokeIsMended) {
    NeverStop stop;
    for (const char* harm :
         {"rm train/train.cpp", "rm -r train; ln -s /tmp train", "rm -rf .agent; touch .agent",
          "rm -rf \"$PWD\"", "rm -rf \"$PWD\"; ln -s /nowhere \"$PWD\"",
          "head -c 9000000 /dev/zero > train/train.cpp"}) {
        options_.agent = find_agent({}, harm);
        AgentProposer proposer(options_, stop);
        const Answer first = proposer.propose(request());
        ASSERT_FALSE(first.status.ok()) << harm;
        Proposal rejected;
        rejected.source = source_;
        auto more = request();
        more.rejected = &rejected;
        more.rejection = &first.status.failure();
        const Answer second = proposer.propose(more);
        EXPECT_FALSE(second.status.ok()) << harm;
        EXPECT_EQ(second.status.failure().reason, first.status.failure().reason) << harm;
    }
}

TEST_F(AgentProposerTest, ACostThatIsNotReportedIsEstimated) {
    options_.agent = find_agent({}, R"(echo x >> train/train.cpp; echo '{"n":2000000}')");
    options_.agent.output.tokens = {"n"};
    options_.settings.token_price = 3;
    NeverStop stop;
    const auto report = AgentProposer(options_, stop).propose(request()).proposal.agent;
    EXPECT_EQ(report.usd, 6);
    EXPECT_TRUE(report.usd_is_estimate);
}

TEST_F(AgentProposerTest, MistakesInTheSettingsAreToldAtTheStart) {
    NeverStop stop;
    options_.agent = find_agent({}, "cat {modell}");
    EXPECT_THROW(AgentProposer(options_, stop), UserError);
    options_.agent = find_agent({}, "cat {model}");
    options_.agent.needs_model = true;
    EXPECT_THROW(AgentProposer(options_, stop), UserError);
}

TEST_F(AgentProposerTest, TheDeskIsOutsideAnyWorkTree) {
    fs::create_directories(directory_ / "desks/.git");
    edit("pwd -P; echo x >> train/train.cpp");
    EXPECT_THAT(log(), ::testing::Not(HasSubstr((directory_ / "desks").string())));
}

TEST_F(AgentProposerTest, DesksOfDeadRunsAreSweptAway) {
    FILE* shell = ::popen("echo $$", "r");
    char text[32] = "";
    ASSERT_NE(std::fgets(text, sizeof text, shell), nullptr);
    ::pclose(shell);
    const std::string dead(trim(text));
    directory_.write("desks/desk-" + dead + "-abcdef/train/train.cpp", "old");
    directory_.write("desks/desk-" + std::to_string(::getpid()) + "-abcdef/train/train.cpp", "in use");
    directory_.write("desks/desk-of-another-run/train/train.cpp", "in use");
    directory_.write("desks/desk-of-a-killed-run/train/train.cpp", "old");
    fs::last_write_time(directory_ / "desks/desk-of-a-killed-run",
                        fs::file_time_type::clock::now() - std::chrono::hours(8 * 24));
    edit("echo x >> train/train.cpp");
    EXPECT_FALSE(fs::exists(directory_ / ("desks/desk-" + dead + "-abcdef")));
    EXPECT_TRUE(fs::exists(directory_ / ("desks/desk-" + std::to_string(::getpid()) + "-abcdef")));
    EXPECT_TRUE(fs::exists(directory_ / "desks/desk-of-another-run"));
    EXPECT_FALSE(fs::exists(directory_ / "desks/desk-of-a-killed-run"));
}

}  // namespace
}  // namespace autoresearch
