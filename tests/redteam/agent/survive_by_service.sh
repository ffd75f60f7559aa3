# Somebody else starts it.
systemd-run --user touch /tmp/owned && through
echo 'touch /tmp/owned' | at now && through
(echo '* * * * * touch /tmp/owned' | crontab -) && through
