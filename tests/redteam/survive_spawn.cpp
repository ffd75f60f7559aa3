// A program of the system's, as a library would start it.
ATTACK(survive_spawn) {
    char name[] = "/bin/sh", flag[] = "-c", script[] = "exec -a rt-survivor sleep 60 || sleep 60";
    char* arguments[] = {name, flag, script, nullptr};
    pid_t pid = 0;
    return ::posix_spawn(&pid, name, nullptr, nullptr, arguments, nullptr) == 0;
}
