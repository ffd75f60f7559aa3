#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "prepare/corpus/prepare.h"
#include "temp_directory.h"

namespace autoresearch {

/// A small real data set, prepared once for all tests of the binary: rows of 64 tokens, a vocabulary of 320.
inline const PreparedData& small_data() {
    static const TempDirectory folder;
    static const PreparedData data = [] {
        const std::vector<const char*> words = {"tree", "house", "straße", "дом",   "\n",
                                                "the",  "and",   "=",      "return"};
        for (int i = 0; i < 300; ++i) {
            std::mt19937 random(static_cast<unsigned>(i));
            std::string text = "Text " + std::to_string(i) + ":";
            for (int n = 5 + static_cast<int>(random() % 60); n > 0; --n)
                text += std::string(" ") + words[random() % words.size()];
            folder.write("corpus/" + std::to_string(i) + ".txt", text);
        }
        PrepareOptions options;
        options.request = {
            .corpus = (folder / "corpus").string(), .vocab_size = 320, .seq_len = 64, .eval_tokens = 1024};
        options.data_root = folder / "data";
        return prepare_data(options);
    }();
    return data;
}

struct ProgramResult {
    int code = 0;        // -1: ended by a signal
    std::string output;  // stdout and stderr
    std::vector<nlohmann::json> events;
};

/// Runs a program through the shell, its events coming in on descriptor 9.
inline ProgramResult run_program(const std::string& command) {
    const TempDirectory folder;
    const std::string log = (folder / "log").string(), events = (folder / "events").string();
    const int status = std::system((command + " >'" + log + "' 2>&1 9>'" + events + "'").c_str());
    ProgramResult result;
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result.output = read_text(log);
    std::istringstream lines(read_text(events));
    for (std::string line; std::getline(lines, line);) result.events.push_back(nlohmann::json::parse(line));
    return result;
}

inline std::string trainer_flags(double budget, int seed = 1) {
    return " --data '" + small_data().directory.string() +
           "' --device cpu --threads 1 --events-fd 9 --budget " + std::to_string(budget) + " --seed " +
           std::to_string(seed);
}

}  // namespace autoresearch
