// A run whose agent prints its keys everywhere it can: they are in no file of the run, in no object of the
// repository, in no prompt, and not on the screen.

#include <fcntl.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "contract/run_files.h"
#include "fakes/fakes.h"
#include "git_fixture.h"
#include "guard/source_guard.h"
#include "judge/paired_judge.h"
#include "loop/experiment_loop.h"
#include "proc/signals.h"
#include "propose/agent_proposer.h"
#include "record/file_ledger.h"
#include "util/atomic_file.h"
#include "util/base64.h"
#include "util/text.h"
#include "vcs/run_repo.h"
#include "view/terminal_reporter.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

const std::map<std::string, std::string> kVariables = {
    {"ANTHROPIC_API_KEY", "sk-ant-Zq7wX0y1v9R4tLm"},
    {"MY_COMPANY_TOKEN", "kT/5\"8eWb+2nQ\\Hc3v"},
    {"https_proxy", "http://ada:uJ4-gS9xPz6%21dF@127.0.0.1:9/"},
};

int count(const std::string& text, const std::string& part) {
    int result = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++result;
    return result;
}

class SecretsInARun : public GitFixture {
  protected:
    void SetUp() override {
        for (const auto& [name, value] : kVariables) ::setenv(name.c_str(), value.c_str(), 1);
        directory_.write("program.md", "The rules.\n");
        directory_.write("kit/include/autoresearch/session.h", "// session\n");
        directory_.write("kit/prepare/session/clock.cpp", "// clock\n");
        directory_.write("kit/build-trainer", "#!/bin/sh\n");
    }
    void TearDown() override {
        for (const auto& [name, value] : kVariables) ::unsetenv(name.c_str());
    }

    /// One with this agent, a line of sh for each experiment. Returns the screen.
    std::string run(const std::vector<std::string>& lines) {
        std::string script = "case $1 in\n";
        for (std::size_t i = 0; i < lines.size(); ++i)
            script += std::to_string(i + 1) + ") " + lines[i] + ";;\n";
        const auto file = directory_.write("agent.sh", script + "esac\n");
        AgentProposerOptions options;
        options.agent = find_agent({}, "sh " + file.string() + " {experiment}");
        options.agent.output.message = {"result"};
        options.agent.output.session = {"id"};
        options.agent.output.error = {"error"};
        options.agent.output.file = report_;
        options.desk = {directory_ / "desks", directory_ / "program.md", directory_ / "kit",
                        run_files::experiments(folder())};
        options.budget = "300 s";
        options.settings.agent_limit = 60;
        Settings& config = options.settings;
        config.judge = JudgeRule::plain;
        config.repairs = 1;
        config.max_failures = 0;
        config.experiments = static_cast<int>(lines.size());
        go(options, {git_.head(), "int main() {}\n", config, {}, 0});
        return read_text(directory_ / "screen");
    }

    /// As run_command does, but for the trials.
    void go(const AgentProposerOptions& options, const LoopSettings& settings) {
        const NeverStop stop;
        git_.ensure_ignored();
        fs::create_directories(folder());
        const Fd screen = open_file(directory_ / "screen", O_WRONLY | O_CREAT);
        TerminalReporter reporter(screen.get(), {}, run_files::log(folder()), run_files::now(folder()));
        AgentProposer proposer(options, stop);
        RunRepo repo(git_, {"night", "300 s", "f00d", "cpu"});
        FileLedger ledger(folder(), [&](const Experiment& experiment) {
            return unified_diff(git_.source(experiment.ran_on), git_.source(experiment.commit));
        });
        SourceGuard guard;
        fakes::FakeBuilder builder;
        fakes::FakeRunner runner;
        fakes::FakeClock clock;
        const PairedJudge judge(settings.config);
        ExperimentLoop({proposer, guard, builder, runner, judge}, {ledger, repo, reporter, stop, clock},
                       settings)
            .run();
        experiments_ = ledger.experiments();
    }

    /// Beginning and end of each value: a part of a key is too much, too.
    static std::vector<std::string> parts() {
        std::vector<std::string> result = {"uJ4-gS9xP", "9xPz6%21dF", "9xPz6!dF", "kT/5\\\"8eW"};
        for (const auto& [name, value] : kVariables) {
            if (name == "https_proxy") continue;
            result.push_back(value.substr(0, 10));
            result.push_back(value.substr(value.size() - 10));
            result.push_back(base64_encode(value).substr(0, 20));
        }
        return result;
    }
    static void expect_none(const std::string& text, const std::string& where) {
        for (const std::string& part : parts()) EXPECT_EQ(count(text, part), 0) << part << " in " << where;
    }

    fs::path folder() const { return run_files::run_directory(root(), "night"); }
    std::string proposal(const char* file, int id = 1) const {
        return read_text(run_files::proposal_directory(folder(), id) / file);
    }
    std::string marker() const { return (directory_ / "asked").string(); }

    std::string report_;  // what the agent reports in, at its desk; empty: its output
    GitRepo git_ = GitRepo::open(root());
    std::vector<Experiment> experiments_;
};

TEST_F(SecretsInARun, AreNowhereInTheEnd) {
    const std::string all = R"(printf '%s\n' "$ANTHROPIC_API_KEY $MY_COMPANY_TOKEN $https_proxy")";
    const std::string screen = run({
        // 1: on both channels, cut by the pipe, as base64, in JSON, and where the idea is clipped.
        "echo; " + all + "; " + all + R"( >&2; env; env >&2
            printf 'sk-ant-Zq7w'; sleep 0.3; echo X0y1v9R4tLm; printf '%s' "$MY_COMPANY_TOKEN" | base64
            printf '{"id":"s-%s","result":"It is %s"}\n' $ANTHROPIC_API_KEY $ANTHROPIC_API_KEY
            { printf 'why %s' $ANTHROPIC_API_KEY; head -c 158 /dev/zero | tr '\0' i; )" +
            all + R"(; } > idea.txt
            touch "$ANTHROPIC_API_KEY"; echo 'int one;' >> train/train.cpp )",
        // 2: in the source, and it does not take it out.
        "echo int two, $ANTHROPIC_API_KEY >> train/train.cpp; echo no >> idea.txt",
        // 3: in the source, and it takes it out.
        R"(if grep -q mine train/train.cpp; then sed '/mine/d' train/train.cpp > t && mv t train/train.cpp
            else echo "// mine: $MY_COMPANY_TOKEN" >> train/train.cpp; echo 'int three;' >> train/train.cpp; fi)",
        // 4: an outage with it as the last words; then it works.
        R"(if [ ! -e )" + marker() + R"(.4 ]; then touch )" + marker() +
            R"(.4; printf 'no: sk-ant-Zq7wX0y1v9R4tLm\n' >&2; exit 1
            else echo 'int four;' >> train/train.cpp; fi)",
        // 5: as the question that it asks.
        "echo Is it $ANTHROPIC_API_KEY?",
        "cat history.md; grep -r -e sk-ant -e kT/5 -e uJ4 . ; echo 'int six;' >> train/train.cpp",
    });
    ASSERT_EQ(experiments_.size(), 7U) << screen;
    for (const auto& entry :
         fs::recursive_directory_iterator(folder(), fs::directory_options::follow_directory_symlink)) {
        if (!entry.is_regular_file()) continue;
        expect_none(read_text(entry.path()), entry.path());
        expect_none(entry.path(), "a name");
    }
    expect_none(screen, "the screen");
    expect_none(git("log -p --all"), "the history");
    expect_none(git("cat-file --batch-all-objects --batch --buffer"), "an object");

    for (const char* file : {"agent.log", "agent.err"})
        for (const auto& [name, value] : kVariables)
            EXPECT_THAT(proposal(file), HasSubstr("[" + name + " removed]")) << file;
    EXPECT_THAT(git("log --format=%B refs/autoresearch/night/0001"),
                HasSubstr("why [ANTHROPIC_API_KEY removed]iii"));
    EXPECT_THAT(experiments_[1].agent.ignored_files, ::testing::ElementsAre("[ANTHROPIC_API_KEY removed]"));
    EXPECT_EQ(experiments_[1].agent.session, "s-[ANTHROPIC_API_KEY removed]");
    EXPECT_EQ(experiments_[2].verdict.ending, Ending::no_proposal);
    EXPECT_THAT(experiments_[2].verdict.reason,
                HasSubstr("the value of ANTHROPIC_API_KEY into train/train.cpp"));
    EXPECT_EQ(experiments_[2].agent.calls, 2);
    EXPECT_EQ(git_.source(experiments_[2].commit), git_.source(experiments_[2].ran_on));
    EXPECT_THAT(git_.source(experiments_[3].commit), HasSubstr("int three;"));
    EXPECT_THAT(screen, HasSubstr("no: [ANTHROPIC_API_KEY removed]; asking again in 60 s"));
    EXPECT_THAT(experiments_[5].verdict.reason, HasSubstr("Is it [ANTHROPIC_API_KEY removed]?"));
    EXPECT_THAT(proposal("agent.log", 6), HasSubstr("Is it [ANTHROPIC_API_KEY removed]?"))
        << "in its history";
}

TEST_F(SecretsInARun, AreNamedOnceForAnExperiment) {
    const std::string screen = run({"echo $ANTHROPIC_API_KEY $MY_COMPANY_TOKEN",
                                    "echo $ANTHROPIC_API_KEY; echo 'int two;' >> train/train.cpp",
                                    "echo 'int three;' >> train/train.cpp"});
    for (const std::string& shown : {screen, read_text(run_files::log(folder()))}) {
        const std::string told = ": removed the value of ";
        EXPECT_EQ(count(shown, "experiment 1" + told + "ANTHROPIC_API_KEY, MY_COMPANY_TOKEN from"), 1);
        EXPECT_EQ(count(shown, "experiment 2" + told + "ANTHROPIC_API_KEY from"), 1);
        EXPECT_EQ(count(shown, told), 2) << shown;
    }
}

TEST_F(SecretsInARun, AreNotInAPromptWhoeverWroteThemThere) {
    directory_.write("program.md", "The rules. Use " + kVariables.at("ANTHROPIC_API_KEY") + ".\n");
    run({"cat; echo 'int one;' >> train/train.cpp"});
    EXPECT_THAT(proposal("prompt.md"), HasSubstr("Use [ANTHROPIC_API_KEY removed]."));
    EXPECT_THAT(proposal("agent.log"), HasSubstr("Use [ANTHROPIC_API_KEY removed]."));
    expect_none(proposal("prompt.md"), "prompt.md");
}

TEST_F(SecretsInARun, OfAnEarlierStartThatDidNotKnowThemAreNotToldAgain) {
    ::unsetenv("ANTHROPIC_API_KEY");
    const std::string first = "echo sk-ant-Zq7wX0y1v9R4tLm > idea.txt; echo 'int one;' >> train/train.cpp";
    run({first});
    ASSERT_EQ(experiments_.at(1).idea, kVariables.at("ANTHROPIC_API_KEY"));
    ::setenv("ANTHROPIC_API_KEY", kVariables.at("ANTHROPIC_API_KEY").c_str(), 1);
    const std::string screen =
        run({first, "wc -l history.md; grep -c sk-ant history.md; echo 'int two;' >> train/train.cpp"});
    EXPECT_THAT(proposal("prompt.md", 2), HasSubstr("Its idea:\n> [ANTHROPIC_API_KEY removed]"));
    expect_none(proposal("prompt.md", 2), "prompt.md");
    EXPECT_THAT(proposal("agent.log", 2), ::testing::EndsWith("history.md\n0\n"));
}

TEST_F(SecretsInARun, AreFoundInAReportFile) {
    report_ = "report.json";
    const std::string screen = run({R"(printf '{"id":"s-%s","result":"?"}' $ANTHROPIC_API_KEY > report.json
        echo 'int one;' >> train/train.cpp)"});
    EXPECT_EQ(experiments_.at(1).agent.session, "s-[ANTHROPIC_API_KEY removed]");
    EXPECT_THAT(screen, HasSubstr("removed the value of ANTHROPIC_API_KEY from"));
}

/// In the log they are in two parts then.
TEST_F(SecretsInARun, AreFoundInWordsThatWereColored) {
    const std::string screen = run(
        {R"(printf 'no: sk-ant-Zq7\033[1mwX0y1v9R4tLm\n'; printf 'why: sk-ant-Zq7\033[1mwX0y1v9R4tLm\n' > idea.txt
        if [ ! -e )" +
             marker() + R"( ]; then touch )" + marker() +
             R"(; exit 1; else echo 'int one;' >> train/train.cpp; fi)",
         R"(printf 'Is it sk-ant-Zq7\033[1mwX0y1v9R4tLm?\n')"});
    EXPECT_THAT(screen, HasSubstr("no: [ANTHROPIC_API_KEY removed]; asking again"));
    EXPECT_EQ(experiments_.at(1).idea, "why: [ANTHROPIC_API_KEY removed]");
    EXPECT_THAT(experiments_.at(2).verdict.reason, HasSubstr("Is it [ANTHROPIC_API_KEY removed]?"));
    expect_none(screen, "the screen");
    expect_none(read_text(run_files::ledger(folder())), "the ledger");
}

}  // namespace
}  // namespace autoresearch
