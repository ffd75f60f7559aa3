# A key of its own, on the way to the next prompt and into git.
echo "// $AGENT_KEY" >> train/train.cpp; echo "$AGENT_KEY" > idea.txt; echo "$AGENT_KEY"
