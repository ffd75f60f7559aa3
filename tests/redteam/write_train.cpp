// Other training data, by its open name and by a rename.
ATTACK(write_train) {
    return ::open((target::data + "/train.bin").c_str(), O_WRONLY) >= 0 ||
           ::rename("x", (target::data + "/train.bin").c_str()) == 0 ||
           ::truncate((target::data + "/train.bin").c_str(), 100) == 0;
}
