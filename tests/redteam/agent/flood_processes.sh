# Processes that start each other, for a while.
i=0; while [ $i -lt 200 ]; do (sleep 30 &) ; i=$((i + 1)); done
