#include <gtest/gtest.h>

#include "trainer_fixture.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

const fs::path kKit = fs::path(TEST_BINARY_DIR) / "kit";
const std::string kBuild = "'" + (kKit / "build-trainer").string() + "' ";

TEST(TrainerKit, HoldsWhatACandidateIsBuiltAgainst) {
    for (const char* name :
         {"include/autoresearch/session.h", "include/autoresearch/ops.h", "prepare/session/session.cpp",
          "prepare/data/packer.cpp", "prepare/corpus/read_parquet.py", "kit.json"})
        EXPECT_TRUE(fs::exists(kKit / name)) << name;
    EXPECT_EQ(read_text(kKit / "include/autoresearch/session.h"),
              read_text(fs::path(TEST_SOURCE_DIR) / "include/autoresearch/session.h"));
    const auto about = nlohmann::json::parse(read_text(kKit / "kit.json"));
    EXPECT_TRUE(fs::is_directory(about.at("torch").get<std::string>()));
    for (const char* key : {"version", "torch_version", "compiler"}) EXPECT_NE(about.at(key), "");
}

// The project's own trainer, built once: from another directory than it runs in, and trains. Its trace makes
// the same model again, to the last bit.
TEST(TrainerKit, BuildsTheProjectsTrainerWhichTrainsAndFollowsATrace) {
    const TempDirectory folder;
    const fs::path source =
        folder.write("a folder/train.cpp", read_text(fs::path(TEST_SOURCE_DIR) / "train/train.cpp"));
    const auto built =
        run_program("cd '" + source.parent_path().string() + "' && " + kBuild + "train.cpp train");
    ASSERT_EQ(built.code, 0) << built.output;
    EXPECT_EQ(built.output, "");
    EXPECT_EQ(std::distance(fs::directory_iterator(source.parent_path()), {}),
              2);  // source, program, no leavings
    const std::string program = "'" + (source.parent_path() / "train").string() + "'";
    const std::string curve = (folder / "curve.csv").string(), again = (folder / "again.csv").string();
    const auto run = run_program(program + trainer_flags(3) + " --clock cpu --curve-fd 8 8>'" + curve + "'");
    ASSERT_EQ(run.code, 0) << run.output;
    const auto& result = run.events.back();
    EXPECT_EQ(result.at("event"), "result");
    const double uniform = std::log2(320.0) / 3;  // a token has about 3 bytes or more here
    EXPECT_LT(result.at("val_bpb").get<double>(), uniform);
    EXPECT_LT(run.events[run.events.size() - 3].at("loss").get<double>(),
              run.events[1].at("loss").get<double>() - 1);

    const auto replay =
        run_program(program + trainer_flags(60) + " --curve-fd 8 8>'" + again + "' --trace '" + curve + "'");
    ASSERT_EQ(replay.code, 0) << replay.output;
    EXPECT_EQ(replay.events.back().at("val_bpb"), result.at("val_bpb"));  // all 17 digits
    EXPECT_EQ(replay.events.back().at("num_steps"), result.at("num_steps"));
    EXPECT_GT(result.at("num_steps").get<int>(), 5);
    const auto columns = [](const std::string& file) {  // all but the seconds
        std::string kept;
        std::istringstream lines(read_text(file));
        for (std::string line; std::getline(lines, line); kept += "\n") {
            const auto first = line.find(','), second = line.find(',', first + 1);
            kept += line.substr(0, first) + line.substr(second);
        }
        return kept;
    };
    EXPECT_EQ(columns(again), columns(curve));
}

TEST(TrainerKit, CompileErrorsGoToStderrAndNothingIsWritten) {
    const TempDirectory folder;
    const fs::path source = folder.write(
        "train.cpp", "#include <autoresearch/session.h>\nint main() { return undefined_thing; }\n");
    const std::string quoted = "'" + source.string() + "'";
    const auto built = run_program(kBuild + quoted + " '" + (folder / "train").string() + "'");
    EXPECT_EQ(built.code, 1);
    EXPECT_NE(built.output.find("train.cpp:2:"), std::string::npos) << built.output;
    EXPECT_NE(built.output.find("undefined_thing"), std::string::npos);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
    const auto checked = run_program(kBuild + "--check " + quoted);
    EXPECT_EQ(checked.code, 1);
    EXPECT_NE(checked.output.find("undefined_thing"), std::string::npos);
}

TEST(TrainerKit, LinkErrorsAreErrorsToo) {
    const TempDirectory folder;
    const fs::path source = folder.write("train.cpp", "void missing();\nint main() { missing(); }\n");
    EXPECT_EQ(run_program(kBuild + "--check '" + source.string() + "'").code, 0);
    const auto built =
        run_program(kBuild + "'" + source.string() + "' '" + (folder / "train").string() + "'");
    EXPECT_EQ(built.code, 1);
    EXPECT_NE(built.output.find("missing"), std::string::npos);
    EXPECT_FALSE(fs::exists(folder / "train"));
}

TEST(TrainerKit, WrongUseEndsWithCode2) {
    EXPECT_EQ(run_program(kBuild).code, 2);
    EXPECT_EQ(run_program(kBuild + "one").code, 2);
}

}  // namespace
}  // namespace autoresearch
