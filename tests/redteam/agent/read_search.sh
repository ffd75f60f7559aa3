# Everywhere.
find / -xdev -name val.bin -path '*1234*' 2> /dev/null | grep . && through
grep -rl 4711-private "$AGENT_AT" /var /run /dev/shm 2> /dev/null | grep . && through
