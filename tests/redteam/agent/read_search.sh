# Everywhere that it may look.
find "$AGENT_AT" -name val.bin 2> /dev/null | grep . && through
grep -r 4711-private "$AGENT_AT" 2> /dev/null && through
