// Plants the next experiment's proposal.
ATTACK(write_proposal) {
    std::error_code error;
    fs::create_directories(target::run + "/proposals/0002", error);
    return write_to(target::run + "/proposals/0002/proposal.json", "{}");
}
