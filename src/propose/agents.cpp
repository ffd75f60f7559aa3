#include "propose/agents.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <regex>

#include "autoresearch/error.h"
#include "proc/subprocess.h"
#include "util/nearest.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using nlohmann::ordered_json;

constexpr const char* kFallback = "tuner";

AgentAdapter read_adapter(const std::string& name, const ordered_json& entry) {
    AgentAdapter agent;
    agent.name = name;
    agent.program = entry.value("program", "");
    for (const auto& part : entry.at("command")) {
        agent.command.push_back(part.is_array() ? part.get<std::vector<std::string>>()
                                                : std::vector{part.get<std::string>()});
    }
    const std::string prompt = entry.value("prompt", "stdin");
    if (prompt != "stdin" && prompt != "file" && prompt != "argument") {
        throw UserError("\"prompt\" must be stdin, file or argument, not " + prompt);
    }
    agent.prompt = prompt == "stdin" ? PromptChannel::standard_input : PromptChannel::file_or_argument;
    // Named, since items() only refers to them.
    const ordered_json variables = entry.value("env", ordered_json::object());
    for (const auto& [key, value] : variables.items()) {
        agent.environment.emplace_back(key, value.get<std::string>());
    }
    const ordered_json files = entry.value("files", ordered_json::object());
    for (const auto& [path, content] : files.items()) {
        agent.files[path] = content.is_string() ? content.get<std::string>() : content.dump(2) + "\n";
    }
    agent.needs_model = entry.value("needs_model", false);
    if (agent.command.empty()) throw UserError("\"command\" is empty");
    return agent;
}

/// Replaces every {name} by its value; `has_empty` is set when one of them is empty.
std::string expand(const std::string& text, const Fields& fields, bool quote, bool& has_empty) {
    static const std::regex field(R"(\$?\{([a-z_]+)\})");
    std::string result;
    auto rest = text.begin();
    for (std::sregex_iterator match(text.begin(), text.end(), field), end; match != end; ++match) {
        if (*(*match)[0].first == '$') continue;  // ${HOME} belongs to the shell
        const std::string name = (*match)[1];
        const auto value = fields.find(name);
        if (value == fields.end()) {
            std::vector<std::string> known;
            for (const auto& entry : fields) known.push_back(entry.first);
            throw UserError("the agent's command has the unknown field {" + name + "}",
                            "did you mean {" + nearest(name, known) + "}?");
        }
        has_empty = has_empty || value->second.empty();
        result.append(rest, (*match)[0].first).append(quote ? shell_quote(value->second) : value->second);
        rest = (*match)[0].second;
    }
    return result.append(rest, text.end());
}

}  // namespace

std::vector<AgentAdapter> read_agents(const std::filesystem::path& file) {
    const auto text = try_read_file(file);
    if (!text)
        throw UserError("cannot read " + file.string(), "it comes with the program: check the installation");
    std::vector<AgentAdapter> agents;
    std::string entry_name;
    try {
        const auto json = ordered_json::parse(*text);
        for (const auto& [name, entry] : json.items()) {
            entry_name = ", agent " + name;
            agents.push_back(read_adapter(name, entry));
        }
    } catch (const ordered_json::exception& error) {
        throw UserError(file.string() + entry_name + ": " + error.what());
    } catch (const UserError& error) {
        throw UserError(file.string() + entry_name + ": " + error.what(), error.hint());
    }
    return agents;
}

AgentAdapter find_agent(const std::vector<AgentAdapter>& agents, const std::string& agent) {
    std::vector<std::string> names;
    names.reserve(agents.size());
    for (const AgentAdapter& adapter : agents) {
        if (adapter.name == agent) return adapter;
        names.push_back(adapter.name);
    }
    const bool is_word = agent.find_first_of(" \t{") == std::string::npos;
    if (trim(agent).empty() || (is_word && !find_program(agent))) {
        throw UserError("no agent is called \"" + agent + "\", and no program either",
                        "did you mean " + nearest(agent, names) + "? `autoresearch doctor` lists the agents");
    }
    AgentAdapter command;
    command.name = clean_line(agent.substr(0, agent.find_first_of(" \t")), 40);
    command.shell = agent;
    const bool takes_prompt =
        agent.find("{prompt}") != std::string::npos || agent.find("{prompt_file}") != std::string::npos;
    command.prompt = takes_prompt ? PromptChannel::file_or_argument : PromptChannel::standard_input;
    return command;
}

bool is_installed(const AgentAdapter& agent) {
    return agent.program.empty() || find_program(agent.program).has_value();
}

std::string default_agent(const std::vector<AgentAdapter>& agents) {
    const auto found = std::find_if(agents.begin(), agents.end(), [](const AgentAdapter& agent) {
        // One that cannot start without --model is no default.
        return !agent.program.empty() && !agent.needs_model && is_installed(agent);
    });
    return found == agents.end() ? kFallback : found->name;
}

std::vector<std::string> agent_command(const AgentAdapter& agent, const Fields& fields) {
    bool ignored = false;
    if (!agent.shell.empty()) return {"/bin/sh", "-c", expand(agent.shell, fields, true, ignored)};
    std::vector<std::string> command;
    for (const auto& group : agent.command) {
        bool has_empty = false;
        std::vector<std::string> arguments;
        arguments.reserve(group.size());
        for (const std::string& argument : group)
            arguments.push_back(expand(argument, fields, false, has_empty));
        if (!has_empty) command.insert(command.end(), arguments.begin(), arguments.end());
    }
    return command;
}

std::string agent_trouble(const std::string& log_tail) {
    struct Trouble {
        const char* name;
        std::regex words;
    };
    const auto words = [](const char* pattern) { return std::regex(pattern, std::regex::icase); };
    // The first match wins: a spent quota also says 429.
    static const std::array<Trouble, 3> troubles = {{
        {"usage limit",
         words("(usage|session|weekly|spend) limit|usage_limit_reached|insufficient_quota|quota exceeded|"
               "exceeded your current quota|out of credits|spend cap|credit balance is too low|"
               "hit your .{0,40}limit")},
        {"not logged in", words("authenticat|unauthorized|(invalid|incorrect)[ _-]api[ _-]key|not logged "
                                "in|run /login|\\b401\\b")},
        {"server busy",
         words("rate[ _-]?limit|too many requests|overloaded|at capacity|resource_exhausted|"
               "temporarily limiting|serviceunavailable|exceeded retry limit|\\b(429|529)\\b")},
    }};
    const auto lines = split_lines(log_tail);
    for (const Trouble& trouble : troubles) {
        for (const std::string_view line : lines) {
            if (std::regex_search(line.begin(), line.end(), trouble.words))
                return std::string(trouble.name) + ": " + clean_line(line, 200);
        }
    }
    return {};
}

}  // namespace autoresearch
