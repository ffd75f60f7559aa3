# The next proposal, and a pipe where the harness will write its log.
f=$AGENT_AT/repository/.autoresearch/night/experiments/0002
mkdir -p "$f" && echo 'int main() {}' > "$f/train.cpp"
mkfifo "$AGENT_AT/repository/.autoresearch/night/experiments/0001/run.log"
