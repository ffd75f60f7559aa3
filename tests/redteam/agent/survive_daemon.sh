# Goes on when the agent has ended, to slow trials or to write later.
cp /bin/sleep "$AGENT_MARK"; (setsid "./$AGENT_MARK" 300 > /dev/null 2>&1 < /dev/null &)
nohup sh -c 'trap "" TERM HUP INT; while :; do sleep 1; done' "$AGENT_MARK" > /dev/null 2>&1 &
