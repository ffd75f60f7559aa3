// Opens the test split, which no trial of a night needs.
ATTACK(read_test_shard) {
    return ::open((target::data + "/test.bin").c_str(), O_RDONLY) >= 0;
}
