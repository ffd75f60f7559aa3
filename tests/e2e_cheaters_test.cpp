// A candidate that tries to win by other means than a better model ends as a crash, with a reason that names
// it.

#include "e2e_fixture.h"

namespace autoresearch {
namespace {

using CheatersE2e = E2eTest;

TEST_F(CheatersE2e, AreFoundAndSayWhy) {
    struct Cheat {
        const char* what;
        const char* edit;  // of train.cpp, for sed
        const char*
            ending;  // invalid: found by the Session or the runner; refused: by the guard, before it runs
        const char* reason;
    };
    const std::vector<Cheat> cheats = {
        {"a seed of its own",
         "s/^    const auto d = .*/&\\n    const uint64_t mine = 7;  at::manual_seed(mine);/", "invalid",
         "seeded anew"},
        {"a literal seed", "s/^    const auto d = .*/&\\n    at::manual_seed(7);/", "refused",
         "session.seed()"},
        {"future tokens", "s/return model.logits(tokens);/return model.logits(at::roll(tokens, -1, 1));/",
         "invalid", "looks ahead"},
        {"logits that are not numbers", "s/return model.logits(tokens);/return model.logits(tokens) * NAN;/",
         "invalid", "not finite"},
        {"logits that are not normalised",
         "s/return model.logits(tokens);/return model.logits(tokens) + 500;/", "ok",
         ""},  // which does no harm: the Session normalises
        {"the validation file",
         "s/^    const auto d = .*/&\\n    std::FILE* f = std::fopen(\"val.bin\", \"r\");/", "refused",
         "opens no file"},
        {"a number reported early",
         "s/^    while (session.training()) {/&\\n        if (session.steps() == 3) break;/", "invalid",
         "before the budget was spent"},
        {"training after the clock", "s/^    session.evaluate(.*/    session.step(at::zeros({}), 1);\\n&/",
         "invalid", "after the budget was spent"},
        {"a summary of its own",
         "s/^    session.evaluate(.*/    std::printf(\"---\\\\nval_bpb:          0.500000\\\\n\");\\n    "
         "return 0;\\n&/",
         "no_result", "without a result"},
    };
    // Each begins with the file as it was, whatever was kept.
    std::string script =
        "cp '" + (repository / "train/train.cpp").string() + "' train/train.cpp\ncase \"$1\" in\n";
    for (std::size_t i = 0; i < cheats.size(); ++i) {
        home.write("edit" + std::to_string(i + 1), cheats[i].edit);
        script += std::to_string(i + 1) + ") sed -i.old -f '" + home.path().string() + "/edit" +
                  std::to_string(i + 1) + "' train/train.cpp ;;\n";
    }
    const auto agent = home.write("agent.sh", script + "esac\necho \"cheat $1\" > idea.txt\n");
    const Output run = autoresearch(run_line("--repairs 0 --experiments " + std::to_string(cheats.size()) +
                                             " --agent 'sh " + agent.string() + " {experiment}'"));
    ASSERT_EQ(run.code, 0) << run.out << run.err;
    const auto lines = ledger();
    ASSERT_EQ(lines.size(), cheats.size() + 1);
    for (std::size_t i = 0; i < cheats.size(); ++i) {
        SCOPED_TRACE(cheats[i].what);
        const auto& verdict = lines[i + 1]["verdict"];
        EXPECT_EQ(verdict["ending"], cheats[i].ending) << verdict.dump();
        EXPECT_NE(verdict["reason"].get<std::string>().find(cheats[i].reason), std::string::npos)
            << verdict.dump();
        if (std::string(cheats[i].ending) != "ok") {
            EXPECT_EQ(verdict["decision"], "crash");
        }
        if (std::string(cheats[i].ending) == "ok") {
            const double bpb = lines[i + 1]["trials"][0]["val_bpb"];
            EXPECT_NEAR(bpb, lines[0]["trials"][0]["val_bpb"], 0.7) << "the same model, trained alike";
        }
    }
}

}  // namespace
}  // namespace autoresearch
