// agents.json, and the command line that comes of an entry.

#include "propose/agents.h"

#include "fuzz.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    const Fields fields = {{"prompt", "do it"}, {"model", ""}, {"session", "'"}};
    is_read([&] {
        for (const AgentAdapter& agent : read_agents(scratch().write("agents.json", bytes)))
            is_read([&] { agent_command(agent, fields, "more"); });
    });
    AgentAdapter own;
    own.shell = bytes;
    is_read([&] { agent_command(own, fields); });
}

}  // namespace autoresearch
