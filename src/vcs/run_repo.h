#pragma once

#include <string>

#include "contract/outside.h"
#include "vcs/git_repo.h"

namespace autoresearch {

/// What is the same for every experiment of a run and appears in each of its commits.
struct RunFacts {
    std::string tag;
    std::string budget;  // of a trial, with its unit
    std::string data;    // fingerprint of the data set
    std::string device;
};

/// The idea as subject (clipped at 72 bytes, with the whole idea in the body), then the numbers as trailers.
std::string commit_message(const Experiment& experiment, const RunFacts& facts);

/// Writes experiments as commits in the user's repository. The same experiment always gives the same commit.
class RunRepo final : public Repo {
  public:
    /// `git` must outlive it.
    RunRepo(GitRepo& git, RunFacts facts) : git_(git), facts_(std::move(facts)) {}

    std::string commit(const Experiment& experiment, const std::string& source) override;
    void advance(const std::string& commit) override;
    std::string source(const std::string& commit) override { return git_.source(commit); }

  private:
    GitRepo& git_;
    RunFacts facts_;
};

}  // namespace autoresearch
