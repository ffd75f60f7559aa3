#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "temp_directory.h"

namespace autoresearch {

/// A real repository with one commit, looked at with the git program.
class GitFixture : public ::testing::Test {
  protected:
    GitFixture() {
        git("init -q -b main --template=");
        std::ofstream(root() / ".git/config", std::ios::app)
            << "[user]\nname = Ada Example\nemail = ada@example.org\n";
        directory_.write("repo/train/train.cpp", "int main() {}\n");
        directory_.write("repo/train/notes/deep.txt", "deep\n");
        std::filesystem::permissions(directory_.write("repo/run.sh", "#!/bin/sh\n"),
                                     std::filesystem::perms::owner_all);
        git("add -A && git commit -q -m 'the start'");
    }

    std::filesystem::path root() const { return directory_ / "repo"; }

    /// Output of `git <arguments>`, a shell text, in the repository or another directory; must succeed.
    std::string git(const std::string& arguments, std::filesystem::path where = {}) const {
        if (where.empty()) where = root();
        std::filesystem::create_directories(where);
        const std::string command = "cd '" + where.string() + "' && git " + arguments + " 2>&1";
        FILE* pipe = ::popen(command.c_str(), "r");
        std::string output;
        for (int byte = std::fgetc(pipe); byte != EOF; byte = std::fgetc(pipe))
            output += static_cast<char>(byte);
        EXPECT_EQ(::pclose(pipe), 0) << command << "\n" << output;
        return output;
    }

    /// As git(), without the end of its only line.
    std::string git_line(const std::string& arguments) const {
        auto output = git(arguments);
        while (!output.empty() && output.back() == '\n') output.pop_back();
        return output;
    }

    TempDirectory directory_;
};

}  // namespace autoresearch
