# Keys in somebody else's environment.
for file in /proc/[0-9]*/environ; do tr '\0' '\n' < "$file"; done | grep 4711-private && through
