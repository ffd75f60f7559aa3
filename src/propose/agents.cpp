#include "propose/agents.h"

#include <algorithm>
#include <regex>
#include <string_view>

#include "autoresearch/error.h"
#include "proc/signals.h"
#include "proc/subprocess.h"
#include "util/json.h"
#include "util/text.h"

namespace autoresearch {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(OutputRules, file, message, session, tokens, usd, error,
                                                running_totals, needs_tokens)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(AgentAdapter, command, env, files, needs_model, state, keys,
                                                own_sandbox, output)

namespace {

AgentAdapter read_adapter(const std::string& name, const nlohmann::json& entry) {
    auto agent = entry.get<AgentAdapter>();
    agent.name = name;
    agent.program = agent.command.at(0).at(0);
    if (agent.program == "{self}") agent.program.clear();
    return agent;
}

/// Replaces every {name} by its value; sets `has_empty` if one of them is empty.
std::string expand(const std::string& text, const Fields& fields, bool quote, bool& has_empty) {
    static const std::regex field(R"(\$?\{([a-z_]+)\})");
    std::string result;
    auto rest = text.begin();
    for (std::sregex_iterator match(text.begin(), text.end(), field), end; match != end; ++match) {
        if (*(*match)[0].first == '$') continue;  // ${HOME} belongs to the shell
        const auto value = fields.find((*match)[1]);
        if (value == fields.end()) {
            std::vector<std::string> known;
            std::string all = "known are";
            for (const auto& entry : fields) all += " " + known.emplace_back("{" + entry.first + "}");
            throw UserError("the agent's command has the unknown field " + match->str(),
                            did_you_mean(match->str(), known, all));
        }
        has_empty = has_empty || value->second.empty();
        result.append(rest, (*match)[0].first).append(quote ? shell_quote(value->second) : value->second);
        rest = (*match)[0].second;
    }
    return result.append(rest, text.end());
}

/// The word that a line of sh begins with, behind variables that it sets; empty where only a shell could
/// tell.
std::string first_word(std::string_view line) {
    static const std::regex variable(R"([A-Za-z_]\w*=[\w./:,@%+-]*\s+)");
    line = trim(line);
    constexpr std::size_t kLongest = 2000;  // std::regex uses stack for every character
    if (line.size() > kLongest) return "";
    for (std::cmatch match; std::regex_search(line.data(), line.data() + line.size(), match, variable,
                                              std::regex_constants::match_continuous);)
        line.remove_prefix(static_cast<std::size_t>(match.length()));
    const auto end = std::min(line.find_first_of(" \t\r\n;|&<>()"), line.size());
    const std::string word(line.substr(0, end));
    if (trim(line.substr(end)).starts_with('(')) return "";                         // a function
    const bool number = word.find_first_not_of("0123456789") == std::string::npos;  // of a descriptor
    return number || word.find_first_of("$`\"'\\*?[]{}~#!=") != std::string::npos ? "" : word;
}

/// Whether the shell knows it: a program, or a word of its own.
bool is_command(const std::string& word) {
    ProcessSpec spec;
    spec.command = {"/bin/sh", "-c", "command -v -- \"$1\"", "sh", word};
    spec.directory = "/";  // the agent does not run here: a path must not depend on where
    return run_process(spec, NeverStop()).succeeded();
}

}  // namespace

std::vector<AgentAdapter> read_agents(const std::filesystem::path& file) {
    const auto text = try_read_file(file);
    if (!text)
        throw UserError("cannot read " + file.string(), "it comes with the program: check the installation");
    std::vector<AgentAdapter> agents;
    std::string entry_name;
    try {
        const auto json = parse_json<nlohmann::ordered_json>(*text);
        for (const auto& [name, entry] : json.items()) {
            entry_name = ", agent " + name;
            agents.push_back(read_adapter(name, entry));
        }
    } catch (const std::exception& error) {
        throw UserError(file.string() + entry_name + ": " + error.what());
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
    const std::string word = first_word(agent);
    if (trim(agent).empty() || (!word.empty() && !is_command(word))) {
        if (word.find('/') != std::string::npos && find_program(word))
            throw UserError("the agent runs in a folder of its own, where there is no \"" + word + "\"",
                            "give the whole path: " + std::filesystem::absolute(word).string());
        throw UserError("no agent or program named \"" + word + "\"",
                        did_you_mean(word, names, "autoresearch doctor lists the agents"));
    }
    AgentAdapter command;
    command.name = clean_line(agent.substr(0, agent.find_first_of(" \t")), 40);
    command.shell = agent;
    return command;
}

bool uses_field(const AgentAdapter& agent, const std::string& field) {
    std::string all = agent.shell;
    for (const auto& group : agent.command) {
        for (const std::string& argument : group) all += argument;
    }
    return all.find("{" + field + "}") != std::string::npos;
}

bool is_installed(const AgentAdapter& agent) {
    return agent.program.empty() || find_program(agent.program).has_value();
}

bool answers(const AgentAdapter& agent) {
    ProcessSpec spec;
    spec.command = {agent.program, "--version"};
    spec.directory = std::filesystem::temp_directory_path();  // it may take what is here for its task
    spec.limit = 20;
    spec.kill_grace = 1;
    return run_process(spec, NeverStop()).succeeded();
}

std::string installed_names(const std::vector<AgentAdapter>& agents) {
    std::string names;
    for (const auto& agent : agents) {
        if (agent.program.empty() || !is_installed(agent)) continue;
        names += agent.name + (answers(agent) ? ", " : " (does not answer --version), ");
    }
    return names;
}

std::string default_agent(const std::vector<AgentAdapter>& agents, const std::string& model) {
    const auto found = std::find_if(agents.begin(), agents.end(), [&](const AgentAdapter& agent) {
        // An agent that cannot start without --model cannot be the default.
        return !agent.program.empty() && (!agent.needs_model || !model.empty()) && is_installed(agent);
    });
    return found == agents.end() ? "tuner" : found->name;
}

std::vector<std::string> agent_command(const AgentAdapter& agent, const Fields& fields,
                                       const std::string& more_arguments) {
    const std::string more = more_arguments.empty() ? "" : " " + more_arguments;
    bool ignored = false;
    if (!agent.shell.empty()) return {"/bin/sh", "-c", expand(agent.shell, fields, true, ignored) + more};
    std::vector<std::string> command;
    // The shell parses the user's part: quotes and variables mean the same as at a prompt.
    if (!more.empty()) command = {"/bin/sh", "-c", "exec \"$@\"" + more, "sh"};
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

}  // namespace autoresearch
