# What earlier experiments measured, and what a judge thinks of them.
cat "$AGENT_AT"/repository/.autoresearch/night/*.jsonl "$AGENT_AT"/repository/.autoresearch/night/*/*/* && through
