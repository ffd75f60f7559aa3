// A pipe named like the curve of a later trial, and one in place of a log.
ATTACK(write_pipe_as_curve) {
    const std::string folder = target::run + "/experiments/0000/";
    ::unlink((folder + "result.json").c_str());
    return ::mkfifo((folder + "curve-9.csv").c_str(), 0600) == 0 ||
           ::mkfifo((folder + "result.json").c_str(), 0600) == 0;
}
