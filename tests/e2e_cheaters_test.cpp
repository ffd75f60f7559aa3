// A candidate that tries to win by other means than a better model ends as a crash, with a reason that names
// it.

#include "e2e_fixture.h"

namespace autoresearch {
namespace {

using CheatersE2e = E2eTest;

TEST_F(CheatersE2e, AreFoundAndSayWhy) {
    struct Cheat {
        const char* what;
        std::string edit;  // of train.cpp, for sed
        const char*
            ending;  // invalid: found by the Session or the runner; refused: by the guard, before it runs
        const char* reason;
    };
    const auto after = [](const char* line, const char* text) {
        return std::string("s/^ *") + line + ".*/&\\n" + text + "/";
    };
    const auto before_evaluation = [](const char* text) {
        return std::string("s/^    session.evaluate(.*/") + text + "\\n&/";
    };
    constexpr const char* kBegin = "const auto d = ";
    // Words that the guard does not see: it reads what is written, not what the preprocessor makes of it.
    const auto read_validation = [&](const std::string& then) {
        const std::string text =
            "    std::string data;  for (int i = 1; i < argc; ++i) if (std::string(argv[i - 1]) == "
            "\"--data\") "
            "data = argv[i];\\n"
            "    std::FILE* f = GLUE(fo, pen)((data + \"\\/val\" \".bin\").c_str(), \"r\");  std::fgetc(f);" +
            then;
        return "1i\\\n#define GLUE(a, b) a##b\n" + after(kBegin, text.c_str());
    };
    std::vector<Cheat> cheats = {
        {"a literal seed", after(kBegin, "    at::manual_seed(7);"), "refused", "session.seed()"},
        {"a seed of its own", after(kBegin, "    const uint64_t mine = 7;  at::manual_seed(mine);"),
         "invalid", "reseeded"},
        {"a seed of its own that is taken back",
         after(kBegin, "    const uint64_t mine = 7;  at::manual_seed(mine);") + "\n" +
             after("auto batches = ", "    at::manual_seed(session.seed());"),
         "invalid", "reseeded"},
        {"future tokens", "s/return model.logits(tokens);/return model.logits(at::roll(tokens, -1, 1));/",
         "invalid", "looks ahead"},
        {"logits that are not numbers", "s/return model.logits(tokens);/return model.logits(tokens) * NAN;/",
         "invalid", "not finite"},
        {"equal logits, so large that sums lose their digits",
         "s/return model.logits(tokens);/return at::zeros_like(model.logits(tokens)) + 1e30;/", "invalid",
         "beyond 1e4"},
        {"logits that are not normalised",
         "s/return model.logits(tokens);/return model.logits(tokens) + 500;/", "ok",
         ""},  // which is no cheat here: the Session normalises
        {"the validation file", after(kBegin, "    std::FILE* f = std::fopen(\"val.bin\", \"r\");"),
         "refused", "must not open files"},
        {"the validation file, behind the guard's back", read_validation(""), "invalid", "val.bin was open"},
        {"a number reported early",
         "s/^    while (session.training()) {/&\\n        if (session.steps() == 3) break;/", "invalid",
         "before the budget was spent"},
        {"training after the clock", before_evaluation("    session.step(at::zeros({}), 1);"), "invalid",
         "after the budget was spent"},
        {"training inside the evaluation",
         "s/^ *return model.logits(tokens);/        static int more = 100;\\n"
         "        for (; more > 0; --more) {\\n"
         "            const at::AutoGradMode grad(true);\\n"
         "            const auto [inputs, targets] = batches();\\n"
         "            model.loss(inputs, targets).backward();\\n"
         "            optimizer.step(0.1, 0.9, 0);\\n"
         "        }\\n&/",
         "invalid", "the first call of the evaluation"},
        {"a summary of its own, and no other",
         before_evaluation("    std::printf(\"---\\\\nval_bpb:          0.500000\\\\n\");\\n    return 0;"),
         "invalid", "a summary of its own"},
        {"a summary of its own beside the other",
         before_evaluation("    std::printf(\"---\\\\nval_bpb:          0.500000\\\\n\");"), "invalid",
         "a summary of its own"},
    };
#ifdef __linux__
    cheats.push_back({"the validation file, closed again", read_validation("  std::fclose(f);"), "invalid",
                      "val.bin was open"});
#endif
    // Each begins with the file as it was, whatever was kept. The repository is out of an agent's reach.
    std::filesystem::copy(repository / "train/train.cpp", home / "before.cpp");
    std::string script = "cp '" + (home / "before.cpp").string() + "' train/train.cpp\ncase \"$1\" in\n";
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
