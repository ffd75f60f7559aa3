# Somebody else's memory.
head -c 1 "/proc/$AGENT_VICTIM/mem" && through
cat "/proc/$AGENT_VICTIM/maps" && through
gdb -p "$AGENT_VICTIM" -batch && through
