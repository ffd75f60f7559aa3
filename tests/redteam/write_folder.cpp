// A folder with a high number, so that the run seems to have lost experiments.
ATTACK(write_folder) {
    return ::mkdir((target::run + "/experiments/9999").c_str(), 0755) == 0;
}
