# Another folder where the desk was.
d=$PWD; cd ..; mv "$d" "$d.old" && through
ln -s "$AGENT_AT/repository" "$d"
