// Looks for a sentence of the validation text in everything that can be read.
static bool search(const std::string& folder, int depth, long& budget) {
    DIR* entries = ::opendir(folder.c_str());
    if (entries == nullptr) return false;
    bool found = false;
    while (const dirent* entry = found ? nullptr : ::readdir(entries)) {
        const std::string name = entry->d_name, path = (folder == "/" ? "" : folder) + "/" + name;
        struct stat info{};
        if (name == "." || name == ".." || ::lstat(path.c_str(), &info) != 0 || --budget < 0) continue;
        if (S_ISDIR(info.st_mode) && depth > 0 && path != "/proc" && path != "/sys" && path != "/dev")
            found = search(path, depth - 1, budget);
        else if (S_ISREG(info.st_mode) && info.st_size < (1 << 20))
            found = read_from(path).find(target::sentence) != std::string::npos && leak("found in " + path);
    }
    ::closedir(entries);
    return found;
}
ATTACK(read_sentence) {
    long budget = 100000;
    if (search(fs::path(target::corpus).string(), 12, budget)) return true;
    return search("/", 12, budget);
}
