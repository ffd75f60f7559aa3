#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace autoresearch {

/// Values for the {fields} of a command line.
using Fields = std::map<std::string, std::string>;

/// Where to find something in an agent's output: conditions ("type=result", "status!=ok") on one JSON value,
/// then the paths in it; * stands for every member or element. No path: the agent does not report it.
using OutputRule = std::vector<std::string>;

/// How to read an agent's output: its stdout (JSON among other text), or a file that it writes.
struct OutputRules {
    std::string file;             // relative to the desk; empty: stdout
    OutputRule message;           // the last match
    OutputRule session;           // likewise
    OutputRule tokens;            // the sum of all matches
    OutputRule usd;               // likewise
    OutputRule error;             // why it failed: all matches; what is found means that it did
    bool running_totals = false;  // tokens and usd count the whole conversation, including earlier calls
    bool needs_tokens = false;    // no tokens: its model did not answer, even where it exits with 0
};

/// How to start one coding agent: an entry of configs/agents.json, or the user's own command.
struct AgentAdapter {
    std::string name;
    std::string program;  // what must be on PATH; empty: always there
    /// Groups of arguments. A group with an empty field is left out: ["--model", "{model}"].
    std::vector<std::vector<std::string>> command;
    std::string shell;  // instead of `command`: a line for /bin/sh -c; its fields are quoted for the shell
    std::map<std::string, std::string> env;
    std::map<std::string, std::string> files;  // written into the desk before the start, by relative path
    bool needs_model = false;
    // Behind walls (src/propose/agent_walls.h):
    std::vector<std::string>
        state;                      // what it writes of the person's: files, and folders with "/" behind them
    std::vector<std::string> keys;  // variables that it may see, as patterns for names
    std::map<std::string, std::string>
        own_sandbox;  // words of its command, and what switches its own walls off
    OutputRules output;
};

/// All entries, in file order. Throws UserError that names the file and the entry.
std::vector<AgentAdapter> read_agents(const std::filesystem::path& file);

/// The adapter with that name, else `agent` as the user's own command line. What it starts with must be
/// something that the shell can run; otherwise UserError with the nearest name.
AgentAdapter find_agent(const std::vector<AgentAdapter>& agents, const std::string& agent);

/// Whether its command has this {field}.
bool uses_field(const AgentAdapter& agent, const std::string& field);

/// Whether its program is on PATH.
bool is_installed(const AgentAdapter& agent);

/// Whether an installed agent answers --version within 20 s.
bool answers(const AgentAdapter& agent);

/// The installed ones that have a program of their own, each with ", " behind it.
std::string installed_names(const std::vector<AgentAdapter>& agents);

/// Which agent a run uses when nobody named one: the first one installed with a program of its own (one that
/// needs a model only if there is one), else "tuner".
std::string default_agent(const std::vector<AgentAdapter>& agents, const std::string& model = "");

/// The argv of this agent, with the user's extra arguments, parsed as a shell would. An unknown {field}
/// throws UserError; braces around anything but a name are left alone.
std::vector<std::string> agent_command(const AgentAdapter& agent, const Fields& fields,
                                       const std::string& more_arguments = "");

}  // namespace autoresearch
