#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace autoresearch {

/// Values for the {fields} of a command line.
using Fields = std::map<std::string, std::string>;

enum class PromptChannel { standard_input, file_or_argument };

/// How to start one coding agent: an entry of configs/agents.json, or a command of the user's.
struct AgentAdapter {
    std::string name;
    std::string program;  // what must be on PATH; empty: always there
    /// One group of arguments each. A group with a field that is empty is left out: ["--model", "{model}"].
    std::vector<std::vector<std::string>> command;
    std::string shell;  // instead of `command`: a line for /bin/sh -c, its fields are quoted for the shell
    PromptChannel prompt = PromptChannel::standard_input;
    std::vector<std::pair<std::string, std::string>> environment;
    std::map<std::string, std::string> files;  // written into the desk before the start, by relative path
    bool needs_model = false;
};

/// All entries, in the file's order. Throws UserError that names the file and the entry.
std::vector<AgentAdapter> read_agents(const std::filesystem::path& file);

/// The adapter with that name, else `agent` as a command line of the user's: it gets the prompt on stdin
/// unless it uses {prompt} or {prompt_file}. A single word must be an adapter or a program; else UserError
/// with the nearest name.
AgentAdapter find_agent(const std::vector<AgentAdapter>& agents, const std::string& agent);

/// Is its program on PATH? A command of the user's always counts.
bool is_installed(const AgentAdapter& agent);

/// Which agent a run uses when nobody named one: the first installed with a program of its own, else "tuner".
std::string default_agent(const std::vector<AgentAdapter>& agents);

/// The argv of this agent. An unknown {field} throws UserError; braces around anything but a name are left
/// alone.
std::vector<std::string> agent_command(const AgentAdapter& agent, const Fields& fields);

/// What the end of an agent's output says about why it could not work: "usage limit: <line>", "not logged in:
/// <line>", "server busy: <line>"; empty when it says nothing of the kind. Only for an agent that failed or
/// changed nothing: a transcript may speak of limits in passing.
std::string agent_trouble(const std::string& log_tail);

}  // namespace autoresearch
