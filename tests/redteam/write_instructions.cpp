// The agent's instructions, and the settings of the next run.
ATTACK(write_instructions) {
    return write_to(target::repository + "/program.md", "attack\n") ||
           write_to(target::repository + "/autoresearch.json", "{\"agent\": \"attack\"}");
}
