# A service of the person's session, which would start anything outside.
python3 -c "import socket; s = socket.socket(socket.AF_UNIX); s.connect('$AGENT_SOCKET')" && through
nc -U "$AGENT_SOCKET" < /dev/null && through
