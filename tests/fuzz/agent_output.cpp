// What a coding agent prints, by the rules of every agent that the program knows.

#include "propose/agent_output.h"

#include <cmath>

#include "fuzz.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    static const auto agents = read_agents(TEST_SOURCE_DIR "/configs/agents.json");
    const auto texts = parts(bytes, 2);
    for (const AgentAdapter& agent : agents) {
        const AgentOutput output = read_output(agent.output, texts[0], texts[1]);
        must(output.tokens >= 0 && output.usd >= 0 && std::isfinite(output.usd), "costs are numbers");
    }
}

}  // namespace autoresearch
