// What a run was begun with stays as it is: the device's facts, the data, and the files that make a trainer.

#include "e2e_fixture.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class FrozenE2e : public E2eTest {
  protected:
    void SetUp() override {
        E2eTest::SetUp();
        line_ = with_stand_in_kit();
        fs::copy(shared_data() / "data", home / "data", fs::copy_options::recursive);
        setenv("AUTORESEARCH_DATA", (home / "data").c_str(), 1);
    }
    /// The agent does this, and makes an edit.
    Output run(int experiments, const std::string& act = "true") const {
        home.write("agent.sh", act +
                                   "\necho \"constexpr double kValBpb = 1.$1 ;\" >> train/train.cpp\n"
                                   "echo idea $1 > idea.txt\n");
        return sh(line_ + kBinary + " " +
                  run_line("--no-box --budget 0.1 --experiments " + std::to_string(experiments) +
                           " --agent 'sh " + (home / "agent.sh").string() + " {experiment}'"));
    }
    fs::path run_file(const std::string& name) const { return repository / ".autoresearch/e2e" / name; }
    json made() const { return json::parse(read_text(run_file("run.json"))); }
    fs::path data() const { return home / "data" / made().at("data").get<std::string>(); }
    std::string line_;
};

TEST_F(FrozenE2e, TheDeviceIsMeasuredOnceAndToldToEveryTrial) {
    ASSERT_EQ(run(1).code, 0);
    EXPECT_EQ(made().at("known"), (json{{"device", "cpu"}, {"self_check", "ok"}}));
    EXPECT_EQ(made().at("device"), "cpu");
    ASSERT_EQ(run(2).code, 0);
    const std::string probes = read_text(home / "probes");
    EXPECT_EQ(probes.rfind("--probe --device cpu --threads ", 0), 0U) << probes;
    EXPECT_EQ(std::count(probes.begin(), probes.end(), '\n'), 1) << probes;
    for (const int number : {0, 1, 2})
        EXPECT_NE(
            read_text(directory(number) / "run.log").find(R"( --known {"device":"cpu","self_check":"ok"} )"),
            std::string::npos)
            << number;
}

TEST_F(FrozenE2e, ARunOfAnOlderVersionGetsItAllWhenItGoesOn) {
    ASSERT_EQ(run(1).code, 0);
    const json before = made();
    json older = before;
    for (const char* name : {"known", "kit_files", "data_files"}) {
        EXPECT_FALSE(before.at(name).empty()) << name;
        older.erase(name);
    }
    std::ofstream(run_file("run.json")) << older.dump(2);
    EXPECT_EQ(autoresearch("status").code, 0);
    ASSERT_EQ(run(2).code, 0);
    for (const char* name : {"known", "kit_files", "data_files"}) EXPECT_EQ(made().at(name), before.at(name));
    expect_consistent(3);
}

TEST_F(FrozenE2e, ADeviceThatComputesWronglyIsRefused) {
    home.write("train", "#!/bin/sh\necho '{\"device\": \"cpu\", \"self_check\": \"sums are wrong\"}'\n");
    const Output refused = run(1);
    EXPECT_EQ(refused.code, 2);
    EXPECT_NE(refused.err.find("computes wrong results: sums are wrong"), std::string::npos) << refused.err;
    EXPECT_FALSE(fs::exists(repository / ".autoresearch"));
}

TEST_F(FrozenE2e, DataThatChangesEndsTheRunAtOnceAndUntilItIsMended) {
    ASSERT_EQ(run(1).code, 0);
    for (const std::string name : {"val.bin", "train.bin", "test.bin", "meta.json"}) {
        SCOPED_TRACE(name);
        const std::string whole = read_text(data() / name);
        std::string other = whole;
        other[other.size() / 2] ^= 1;
        home.write("other", other);
        const std::size_t so_far = ledger().size();
        const Output ended = run(static_cast<int>(so_far), "cat '" + (home / "other").string() + "' > '" +
                                                               (data() / name).string() + "'");
        EXPECT_EQ(ended.code, 2) << ended.out << ended.err;
        const std::string words = (data() / name).string() + " is not what it was when the run began";
        EXPECT_NE(ended.err.find(words), std::string::npos) << ended.err;
        EXPECT_NE(ended.err.find("prepare it again (autoresearch prepare"), std::string::npos) << ended.err;
        EXPECT_NE(read_text(run_file("harness.log")).find("the run ends: " + words), std::string::npos);
        expect_consistent(so_far);
        EXPECT_EQ(run(9).code, 2) << "nor does it begin";
        std::ofstream(data() / name, std::ios::binary) << whole;
        EXPECT_EQ(run(static_cast<int>(so_far)).code, 0);
        expect_consistent(so_far + 1);
    }
}

TEST_F(FrozenE2e, AKitThatChangesEndsTheRunAndTheNextStartSaysSo) {
    ASSERT_EQ(run(1).code, 0);
    const Output ended = run(2, "echo >> '" + (home / "kit/kit.json").string() + "'");
    EXPECT_EQ(ended.code, 2) << ended.out << ended.err;
    EXPECT_NE(ended.err.find("kit.json is not what it was when the run began"), std::string::npos)
        << ended.err;
    EXPECT_NE(ended.err.find("if you rebuilt the project, start again"), std::string::npos) << ended.err;
    expect_consistent(2);
    const Output again = run(2);
    EXPECT_EQ(again.code, 0) << again.err;
    EXPECT_NE(again.out.find("the kit was rebuilt from the same sources since run \"e2e\" began (kit.json)"),
              std::string::npos)
        << again.out;
    expect_consistent(3);
    const Output added = run(3, "touch '" + (home / "kit/include/cstdio").string() + "'");
    EXPECT_EQ(added.code, 2) << "the compiler would take it";
    EXPECT_NE(added.err.find("kit/include is not what it was"), std::string::npos) << added.err;
}

}  // namespace
}  // namespace autoresearch
