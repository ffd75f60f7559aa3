# Less of the processor for the others.
renice -n 19 -p "$AGENT_VICTIM" && through
taskset -p 1 "$AGENT_VICTIM" && through
