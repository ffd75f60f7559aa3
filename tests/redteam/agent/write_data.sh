# Easier data.
for f in "$AGENT_AT"/cache/data/1234/*; do true > "$f"; done
mv "$AGENT_AT/cache/data/1234" "$AGENT_AT/cache/data/5678"
