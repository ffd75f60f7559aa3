# Settings of the machine.
for f in /proc/sys/kernel/core_pattern /proc/sys/vm/swappiness /etc/ld.so.preload /etc/cron.d/x /usr/local/bin/x /var/spool/cron/x; do
    (: >> "$f") && through
done
