#pragma once

// Fakes for the interfaces of src/contract that the loop needs, so that the loop is tested without processes,
// compilers or git.

#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "contract/outside.h"
#include "contract/steps.h"

namespace autoresearch::fakes {

struct FakeProposer : Proposer {
    std::function<Answer(const ProposalRequest&)> answer;
    int calls = 0;
    Answer propose(const ProposalRequest& request) override {
        ++calls;
        return answer ? answer(request) : Answer{edit(request), {}};
    }
    static Proposal edit(const ProposalRequest& request) {
        Proposal proposal;
        proposal.parent = request.incumbent.commit;
        proposal.source = request.source + "+" + std::to_string(request.experiment);
        proposal.idea = "idea " + std::to_string(request.experiment);
        return proposal;
    }
};

struct FakeGuard : Guard {
    std::function<Status(const Proposal&)> answer;
    Status review(const Proposal& proposal, const std::vector<Experiment>&) override {
        return answer ? answer(proposal) : Status();
    }
};

struct FakeBuilder : Builder {
    std::function<Result<std::filesystem::path>(const std::string&)> answer;
    std::vector<std::string> sources;
    Result<std::filesystem::path> build(const std::string& source, const std::filesystem::path&) override {
        sources.push_back(source);
        if (answer) return answer(source);
        return std::filesystem::path("/nowhere/train");
    }
};

struct FakeRunner : Runner {
    std::function<Trial(const TrialRequest&)> answer;
    std::vector<TrialRequest> requests;
    std::function<Trial()> first_step;  // of a check of the machine, which is not among the requests
    Trial run(const TrialRequest& request) override {
        if (request.first_step_only) {
            Trial check;
            check.ending = Ending::ended_early;
            return first_step ? first_step() : check;
        }
        requests.push_back(request);
        Trial trial = answer ? answer(request) : with_bpb(2.0 - 0.1 * static_cast<double>(requests.size()));
        trial.seed = request.spec.seed;
        return trial;
    }
    static Trial with_bpb(double val_bpb) {
        Trial trial;
        trial.ending = Ending::ok;
        trial.val_bpb = val_bpb;
        return trial;
    }
};

struct FakeLedger : Ledger {
    std::vector<Experiment> all;
    std::map<int, Proposal> proposals;
    const std::vector<Experiment>& experiments() const override { return all; }
    void append(const Experiment& experiment) override {
        all.push_back(experiment);
        trials.clear();
    }
    std::filesystem::path directory(int number) override { return "/nowhere/" + std::to_string(number); }
    std::uintmax_t free = kLeastRoom;
    std::uintmax_t room() const override { return free; }
    int ids = 0;
    int new_proposal() override { return ++ids; }
    std::filesystem::path proposal_directory(int id) const override {
        return "/nowhere/proposals/" + std::to_string(id);
    }
    void save_proposal(const Proposal& proposal) override { proposals[proposal.id] = proposal; }
    std::vector<std::pair<TrialSpec, Trial>> trials;
    void save_trial(int, const TrialSpec& spec, const Trial& trial) override {
        trials.emplace_back(spec, trial);
    }
    std::vector<Trial> saved_trials(int, const TrialSpec& like) override {
        std::vector<Trial> same;
        for (const auto& [spec, trial] : trials)
            if (identity(spec) == identity(like)) same.push_back(trial);
        return same;
    }
    int tried = 0;  // right now
    std::map<int, std::string> faults;
    void trying(int id) override { tried = id; }
    std::string fault(int id) const override {
        const auto found = faults.find(id);
        return found == faults.end() ? "" : found->second;
    }
    std::optional<Proposal> saved_proposal() override {
        const auto found = proposals.upper_bound(all.empty() ? 0 : all.back().proposal);
        return found == proposals.end() ? std::nullopt : std::optional(found->second);
    }
};

struct FakeRepo : Repo {
    std::map<std::string, std::string> sources;  // by commit
    std::string branch;
    std::string commit(const Experiment& experiment, const std::string& source) override {
        const std::string id = "commit" + std::to_string(experiment.number);
        sources[id] = source;
        return id;
    }
    void advance(const std::string& commit) override { branch = commit; }
    std::string source(const std::string& commit) override { return sources.at(commit); }
};

struct FakeReporter : Reporter {
    std::vector<std::string> lines;
    void phase(int experiment, const std::string& what) override {
        lines.push_back(std::to_string(experiment) + " " + what);
    }
    void progress(const Progress&) override {}
    void finished(const Experiment& experiment) override {
        lines.push_back(std::to_string(experiment.number) + " " +
                        std::string(to_string(experiment.verdict.decision)));
    }
    void note(const std::string& line) override { lines.push_back(line); }
};

struct FakeStop : StopRequest {
    bool soon = false, at_once = false;
    bool after_experiment() const override { return soon; }
    bool now() const override { return at_once; }
};

struct FakeClock : Clock {
    mutable double time = 0;
    double step = 1;  // every look at the clock takes this long
    double seconds() const override { return time += step; }
    double unix_seconds() const override { return time; }
    std::string utc() const override { return "2026-01-31T22:10:05Z"; }
    std::function<void()> on_sleep;
    void sleep(double pause) const override {
        time += pause;
        if (on_sleep) on_sleep();
    }
};

}  // namespace autoresearch::fakes
