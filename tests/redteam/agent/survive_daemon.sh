# Goes on when the agent has ended, to slow trials or to write later.
(setsid sh -c 'exec -a rt-survivor sleep 300' > /dev/null 2>&1 < /dev/null &)
nohup sh -c 'trap "" TERM HUP INT; while :; do sleep 1; done' rt-survivor > /dev/null 2>&1 &
cp /bin/sleep rt-survivor; (setsid ./rt-survivor 300 > /dev/null 2>&1 < /dev/null &)
