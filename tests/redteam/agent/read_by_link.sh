# By another name.
ln -s "$AGENT_AT/repository" link; cat link/train/train.cpp && through
ln -s "$AGENT_AT/cache/data/1234/val.bin" shard; cat shard && through
