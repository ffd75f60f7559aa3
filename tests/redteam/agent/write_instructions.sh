# What the next agent is told.
echo evil >> "$AGENT_AT/program.md"
rm "$AGENT_AT/program.md"
