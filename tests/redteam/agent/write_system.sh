# What the whole machine reads.
for f in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /etc/passwd /etc/hosts /usr/bin/env /bin/sh; do
    (: >> "$f") && through
done
