#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "autoresearch/error.h"
#include "propose/agents.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::filesystem::path kShipped = std::filesystem::path(TEST_SOURCE_DIR) / "configs" / "agents.json";

Fields fields() {
    Fields result;
    for (const char* name : {"model", "session"}) result[name] = "";
    result["desk"] = "/desk";
    result["experiment"] = "7";
    result["self"] = "/bin/autoresearch";
    result["device"] = "mps";
    result["prompt_file"] = "/desk/it's here.md";
    result["prompt"] = "Do it; $HOME `date`\n";
    return result;
}

/// PATH without the agents of this machine.
class Path : public ::testing::Test {
  protected:
    void SetUp() override {
        old_ = std::getenv("PATH");
        ::setenv("PATH", directory_.path().c_str(), 1);
    }
    void TearDown() override { ::setenv("PATH", old_.c_str(), 1); }
    void install(const std::string& name) {
        std::filesystem::permissions(directory_.write(name, "#!/bin/sh\n"), std::filesystem::perms(0755));
    }
    TempDirectory directory_;
    std::string old_;
};

TEST(Agents, EveryShippedAdapterMakesACommand) {
    const auto agents = read_agents(kShipped);
    std::vector<std::string> names;
    for (const auto& agent : agents) {
        names.push_back(agent.name);
        Fields values = fields();
        const auto plain = agent_command(agent, values);
        EXPECT_EQ(plain.empty(), agent.needs_model) << agent.name;
        values["model"] = "some-model";
        const auto with_model = agent_command(agent, values);
        if (agent.name != "tuner") {
            EXPECT_EQ(with_model.front(), agent.program);
            EXPECT_THAT(with_model, ::testing::Contains("some-model")) << agent.name;
        }
        values["session"] = "some-session";
        const bool resumes = agent.name == "claude" || agent.name == "codex" || agent.name == "opencode";
        EXPECT_EQ(::testing::Matches(::testing::Contains("some-session"))(agent_command(agent, values)),
                  resumes);
    }
    EXPECT_THAT(names, ::testing::IsSupersetOf({"claude", "codex", "gemini", "aider", "opencode", "copilot",
                                                "goose", "cursor-agent", "qwen", "mini", "tuner"}));
}

TEST(Agents, AGroupWithAnEmptyFieldDropsOut) {
    AgentAdapter agent;
    agent.command = {{"tool"}, {"--model", "{model}"}, {"--device={device}"}, {"{prompt}"}};
    EXPECT_THAT(agent_command(agent, fields()), ElementsAre("tool", "--device=mps", "Do it; $HOME `date`\n"));
}

TEST(Agents, ACommandOfTheUsersIsQuotedForTheShell) {
    const auto agent = find_agent({}, "cat {prompt_file} | tool ${HOME} --say {prompt} {model}'{}' {1}");
    EXPECT_EQ(agent.name, "cat");
    EXPECT_TRUE(uses_field(agent, "prompt_file"));
    EXPECT_FALSE(uses_field(agent, "session"));
    EXPECT_THAT(
        agent_command(agent, fields()),
        ElementsAre("/bin/sh", "-c",
                    "cat '/desk/it'\\''s here.md' | tool ${HOME} --say 'Do it; $HOME `date`\n' '''{}' {1}"));
}

TEST(Agents, MistakesAreNamed) {
    const auto agents = read_agents(kShipped);
    try {
        find_agent(agents, "claud");
        FAIL() << "no exception";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("claud"));
        EXPECT_THAT(error.hint(), HasSubstr("claude"));
    }
    EXPECT_THROW(find_agent(agents, ""), UserError);
    EXPECT_THROW(agent_command(find_agent({}, "cat {promt_file}"), fields()), UserError);

    const TempDirectory directory;
    EXPECT_THROW(read_agents(directory / "none.json"), UserError);
    for (const char* text : {"{", "[]x", R"({"a":{}})", R"({"a":{"command":[]}})", R"({"a":{"command":[1]}})",
                             R"({"a":{"command":["x"]}})", R"({"a":{"command":[[]]}})",
                             R"({"a":{"command":[["x"]],"env":{"A":1}}})",
                             R"({"a":{"command":[["x"]],"output":{"tokens":"a.b"}}})",
                             R"({"a":{"command":[["x"]],"output":{"needs_tokens":"("}}})"}) {
        EXPECT_THROW(read_agents(directory.write("agents.json", text)), UserError) << text;
    }
    const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
    EXPECT_THROW(read_agents(directory.write("agents.json", deep)), UserError);
}

TEST_F(Path, ACommandThatCannotBeStartedIsNamedAtOnce) {
    install("tool");
    install("env");
    directory_.write("no-program", "");
    const std::string tool = (directory_ / "tool").string();
    for (const std::string& good : {std::string("tool"),
                                    tool,
                                    tool + " {prompt}",
                                    std::string("tool --say \"{prompt}\""),
                                    std::string("  tool\t-x"),
                                    std::string("KEY=x tool"),
                                    std::string("A=1 B=a/b:c  tool -x"),
                                    std::string("KEY='a b' tool"),
                                    std::string("KEY=\"$HOME\" no-tool"),
                                    std::string("\"tool\" -x"),
                                    std::string("tool|no-tool"),
                                    std::string("tool; no-tool"),
                                    std::string("tool<{prompt_file}"),
                                    std::string("cd / && tool"),
                                    std::string("if true; then tool; fi"),
                                    std::string("exec tool"),
                                    std::string("{ tool; }"),
                                    std::string("(tool)"),
                                    std::string("! tool"),
                                    std::string("$TOOL -x"),
                                    std::string("$(which tool)"),
                                    std::string("`which tool`"),
                                    std::string("~/bin/tool"),
                                    std::string("\\tool"),
                                    std::string("{self} tuner"),
                                    std::string(": nothing"),
                                    std::string("KEY=x"),
                                    std::string("# nothing\ntool"),
                                    std::string("</dev/null tool"),
                                    std::string("2>&1 tool"),
                                    std::string("f() { tool; }; f"),
                                    std::string("f () { tool; }\nf"),
                                    std::string("A=1; tool"),
                                    std::string("while true; do tool; done"),
                                    std::string("case x in *) tool ;; esac"),
                                    std::string("env -i tool"),
                                    "A=" + std::string(200000, 'x') + " tool"})
        EXPECT_NO_THROW(find_agent({}, good)) << good;
    for (const std::string bad :
         {"no-tool {prompt}", "KEY=x no-tool -x", "A=1 B=2 no-tool", "no-tool|tool", "no-tool; tool",
          "no-program x", "/nowhere/tool x", "  no-tool", "no-tool < {prompt_file}", "no-tool\ntool"}) {
        try {
            find_agent({}, bad);
            ADD_FAILURE() << bad;
        } catch (const UserError& error) {
            EXPECT_THAT(error.what(), HasSubstr("no agent or program named \"")) << bad;
            EXPECT_EQ(error.hint(), "autoresearch doctor lists the agents") << "none has a similar name";
        }
    }
    const auto back = std::filesystem::current_path();
    std::filesystem::current_path(directory_.path());
    try {
        find_agent({}, "./tool {prompt}");
        ADD_FAILURE() << "it would not be found at the desk";
    } catch (const UserError& error) {
        EXPECT_THAT(error.hint(), HasSubstr("give the whole path: /"));
    }
    std::filesystem::current_path(back);
}

TEST_F(Path, TheFirstInstalledIsTheDefault) {
    const auto agents = read_agents(kShipped);
    EXPECT_EQ(default_agent(agents), "tuner");
    install("aider");
    EXPECT_EQ(default_agent(agents), "tuner") << "aider does not start without a model";
    EXPECT_EQ(default_agent(agents, "some-model"), "aider");
    install("opencode");
    EXPECT_EQ(default_agent(agents), "opencode");
    install("codex");
    EXPECT_EQ(default_agent(agents), "codex");
    EXPECT_TRUE(is_installed(find_agent(agents, "codex")));
    EXPECT_FALSE(is_installed(find_agent(agents, "claude")));
    EXPECT_TRUE(is_installed(find_agent(agents, "tuner")));
}

TEST_F(Path, AnAgentAnswersOrDoesNot) {
    const auto codex = find_agent(read_agents(kShipped), "codex");
    EXPECT_FALSE(answers(codex));
    std::filesystem::permissions(directory_.write("codex", "#!/bin/sh\n[ \"$1\" = --version ]\n"),
                                 std::filesystem::perms(0755));
    EXPECT_TRUE(answers(codex));
    std::filesystem::permissions(directory_.write("codex", "#!/bin/sh\nexit 1\n"),
                                 std::filesystem::perms(0755));
    EXPECT_FALSE(answers(codex));
}

TEST(Agents, MoreArgumentsAreReadByTheShell) {
    ::setenv("AGENT_TEST_WORD", "a b", 1);
    AgentAdapter agent;
    agent.command = {{"echo"}, {"{prompt}"}};
    const auto command = agent_command(agent, fields(), "--say 'x  y' \"$AGENT_TEST_WORD\"");
    EXPECT_THAT(command, ElementsAre("/bin/sh", "-c", "exec \"$@\" --say 'x  y' \"$AGENT_TEST_WORD\"", "sh",
                                     "echo", "Do it; $HOME `date`\n"));
    EXPECT_THAT(agent_command(find_agent({}, "cat -"), fields(), "-n"),
                ElementsAre("/bin/sh", "-c", "cat - -n"));
    ::unsetenv("AGENT_TEST_WORD");
}

}  // namespace
}  // namespace autoresearch
