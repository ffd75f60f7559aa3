// A header beside the next experiment's source.
ATTACK(write_header) {
    return write_to(target::run + "/experiments/0000/planted.h", "#error attack\n");
}
