// What is remembered of this machine, and the compiler cache's settings.
ATTACK(write_cache) {
    return write_to(target::home + "/.cache/autoresearch/devices.json", "{}") ||
           write_to(target::home + "/.config/ccache/ccache.conf", "prefix_command = attack\n");
}
