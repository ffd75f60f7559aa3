// Rewrites the record of an earlier experiment, which the next agent reads.
ATTACK(write_record) {
    return write_to(target::run + "/experiments/0000/result.json", "{}");
}
