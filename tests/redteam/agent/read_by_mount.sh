# Its own mounts, in namespaces of its own.
unshare -Urm sh -c "mkdir -p m && mount --bind '$AGENT_AT/repository' m && cat m/train/train.cpp" && through
unshare -Urm sh -c "umount -l '$AGENT_AT/repository' && cat '$AGENT_AT/repository/train/train.cpp'" && through
nsenter -t 1 -m cat "$AGENT_AT/repository/train/train.cpp" && through
