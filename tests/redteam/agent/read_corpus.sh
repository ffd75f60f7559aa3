# The text that the data was made of.
grep -r 'a sentence of the corpus' "$AGENT_AT/corpus" && through
