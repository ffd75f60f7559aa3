// Fills the disk with many files.
ATTACK(flood_disk) {
    const std::string block(1 << 20, 'x');
    for (int i = 0; i < 3000; ++i)
        if (!write_to("fill" + std::to_string(i), block)) return false;
    return true;
}
