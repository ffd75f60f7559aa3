# The repository by name.
cat "$AGENT_AT/repository/train/train.cpp" "$AGENT_AT/repository/.git/config" && through
