# A night without a harness.
kill -9 "$AGENT_VICTIM" && through
kill -STOP "$AGENT_VICTIM" && through

