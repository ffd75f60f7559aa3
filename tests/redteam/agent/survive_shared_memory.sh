# Memory in no process.
echo x > "/dev/shm/$AGENT_MARK"
ipcmk -M 100
ipcmk -S 1
ipcmk -Q
