# The text that it will be judged by.
cat "$AGENT_AT"/cache/data/*/val.bin && through
dd if="$AGENT_AT/cache/data/1234/val.bin" of=copy && through
