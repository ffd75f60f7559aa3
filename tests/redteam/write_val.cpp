// Another validation shard: an easy one.
ATTACK(write_val) {
    return write_to(target::data + "/val.bin", "attack");
}
