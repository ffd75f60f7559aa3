// Output and events without end.
ATTACK(flood_output) {
    const std::string line = std::string(1 << 20, 'x') + "\n";
    for (int i = 0; i < 100; ++i) {
        if (::write(1, line.data(), line.size()) < 0) return false;
        if (::write(3, line.data(), line.size()) < 0) return false;
    }
    return false;
}
