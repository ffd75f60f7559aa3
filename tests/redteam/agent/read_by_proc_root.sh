# Through the eyes of another process.
for pid in $AGENT_VICTIM 1 $PPID; do
    cat "/proc/$pid/root/$AGENT_AT/repository/train/train.cpp" "/proc/$pid/cwd/repository/train/train.cpp" && through
done
