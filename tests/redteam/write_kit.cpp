// The script that builds all later candidates, and the library that they link.
ATTACK(write_kit) {
    return ::open((target::kit + "/build-trainer").c_str(), O_WRONLY | O_APPEND) >= 0 ||
           ::open((target::kit + "/libsession.so").c_str(), O_WRONLY | O_APPEND) >= 0 ||
           write_to(target::kit + "/planted", "attack");
}
