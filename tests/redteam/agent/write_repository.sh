# Code, hooks and settings that run when a person next uses git.
r=$AGENT_AT/repository
printf '#!/bin/sh\ntouch /tmp/owned\n' > "$r/.git/hooks/post-checkout"
echo '[core] fsmonitor = evil' >> "$r/.git/config"
git config --file "$r/.git/config" core.fsmonitor evil
echo evil > "$r/autoresearch.json"
