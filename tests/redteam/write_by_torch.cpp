// A file by torch's own means.
ATTACK(write_by_torch) {
    try {
        at::from_file(target::home + "/.bashrc", true, 1, at::kByte).fill_('x');
        return true;
    } catch (const std::exception&) {
        return false;
    }
}
