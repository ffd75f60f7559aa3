// Keys in the harness's environment, which its own lacks.
ATTACK(process_environment) {
    const std::string text = read_from("/proc/" + std::to_string(target::victim) + "/environ");
    return leak(std::string(text.c_str(), std::min<std::size_t>(text.size(), 4000))) &&
           text.find("KEY") != std::string::npos;
}
