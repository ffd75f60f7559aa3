# The same file twice, which would come back as the proposal.
ln "$AGENT_AT/repository/train/train.cpp" other && through
ln -f "$AGENT_AT/cache/data/1234/val.bin" train/train.cpp && through
