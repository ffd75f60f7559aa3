// What `autoresearch prepare` prints, and where it takes paths from.

#include <gmock/gmock.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/commands.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class PrepareCommandTest : public ::testing::Test {
  protected:
    PrepareCommandTest() {
        for (const char* name : {"include", "prepare", "util"})
            fs::create_directories(folder_ / "kit" / name);
        fs::copy(fs::path(TEST_SOURCE_DIR) / "configs", folder_ / "kit/configs");
        folder_.write("kit/build-trainer", "");
        folder_.write("kit/kit.json", R"({"torch": "", "torch_version": "", "compiler": "/bin/sh"})");
        ::setenv("AUTORESEARCH_KIT", (folder_ / "kit").c_str(), 1);
        ::setenv("AUTORESEARCH_DATA", "~/data", 1);
        ::setenv("HOME", folder_.path().c_str(), 1);
        fs::current_path(folder_.path());
    }
    ~PrepareCommandTest() override {
        fs::current_path(before_);
        ::setenv("HOME", home_.c_str(), 1);
        for (const char* name : {"AUTORESEARCH_KIT", "AUTORESEARCH_DATA", "AUTORESEARCH_CORPUS"})
            ::unsetenv(name);
    }

    /// The exit code; `out_` and `err_` have what is printed.
    int prepare(const std::vector<std::string>& more) {
        std::vector<std::string> words = {"autoresearch", "prepare",   "--vocab-size",
                                          "300",          "--seq-len", "32"};
        words.insert(words.end(), more.begin(), more.end());
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        const int code = run_app(static_cast<int>(argv.size()), argv.data());
        out_ = testing::internal::GetCapturedStdout();
        err_ = testing::internal::GetCapturedStderr();
        return code;
    }

    static std::string lines(int count) {
        std::string text;
        for (int i = 0; i < count; ++i)
            text += nlohmann::json{{"text", "Document " + std::to_string(i * 7919) +
                                                " of some plain words, and more of them."}}
                        .dump() +
                    "\n";
        return text;
    }

    const fs::path before_ = fs::current_path();
    const std::string home_ = std::getenv("HOME");
    const TempDirectory folder_;
    std::string out_, err_;
};

TEST_F(PrepareCommandTest, AnUnfinishedKitIsBadUsage) {
    fs::remove(folder_ / "kit/include");
    EXPECT_EQ(prepare({"--corpus", "texts"}), 2);
    EXPECT_THAT(err_, HasSubstr("the trainer kit is missing: no include in "));
}

// What a shell makes of an unquoted pattern.
TEST_F(PrepareCommandTest, SeveralWordsAfterCorpusAreAllRead) {
    folder_.write("one/a.jsonl", lines(200));
    for (int i = 0; i < 40; ++i)
        folder_.write("two/" + std::to_string(i) + ".txt",
                      "Text " + std::to_string(i) + ": a few words of its own");
    const auto documents = [&] {
        const auto json = nlohmann::json::parse(out_);
        return json["train_documents"].get<int>() + json["val_documents"].get<int>() +
               json["test_documents"].get<int>();
    };
    ASSERT_EQ(prepare({"--corpus", "one", "two/1.txt", "two/*.txt", "--json"}), 0) << err_;
    EXPECT_EQ(documents(), 240) << "a file named twice counts once";
    ASSERT_EQ(prepare({"--json", "--corpus", "{one,two/**/?.txt}"}), 0) << err_;
    EXPECT_EQ(documents(), 210);
    ASSERT_EQ(prepare({"--corpus", "two", "--json", "--corpus", "one", "two"}), 0) << "the last flag counts";
    EXPECT_EQ(documents(), 240);
    EXPECT_EQ(prepare({"--corpus", "one", "nine", "--json"}), 2);
    EXPECT_THAT(err_, HasSubstr("no such corpus file or folder: " + (folder_ / "nine").string()));
    EXPECT_EQ(prepare({"--corpus", "one", "a,b"}), 2);
    EXPECT_THAT(err_, HasSubstr("a,b has a comma or a brace, and is not alone"));
}

TEST_F(PrepareCommandTest, SaysWhatWasSkipped) {
    folder_.write("texts/a.jsonl", lines(600) + "no JSON\n{\"text\":null}\n{\"text\":null}\n");
    folder_.write("texts/image.png", "x");
    ASSERT_EQ(prepare({"--corpus", "texts"}), 0) << err_;
    EXPECT_THAT(
        out_, HasSubstr("\n  skipped: 2 empty, 1 not json, 1 other files; docs/data.md says what is read\n"));
    EXPECT_EQ(err_, "");
    ASSERT_EQ(prepare({"--corpus", "texts", "--json"}), 0);
    const auto json = nlohmann::json::parse(out_);
    EXPECT_EQ(json["skipped"], nlohmann::json({{"empty", 2}, {"not_json", 1}, {"other_files", 1}}));
    EXPECT_EQ(json["was_ready"], true);
    EXPECT_EQ(json["warnings"], nlohmann::json::array());
    folder_.write("clean.jsonl", lines(600));
    ASSERT_EQ(prepare({"--corpus", "clean.jsonl"}), 0);
    EXPECT_THAT(out_, Not(HasSubstr("skipped")));
}

TEST_F(PrepareCommandTest, WarnsOfASmallValidationSplit) {
    folder_.write("few.jsonl", lines(140));
    ASSERT_EQ(prepare({"--corpus", "few.jsonl"}), 0) << err_;
    EXPECT_THAT(err_,
                ::testing::MatchesRegex("warning: only [0-9]+ documents in validation, so val_bpb depends on "
                                        "which: 20 need about [0-9]+ times as much text.*--separator.*\n"));
    ASSERT_EQ(prepare({"--corpus", "few.jsonl"}), 0);
    EXPECT_THAT(err_, HasSubstr("in validation")) << "the second time too";
    std::string book;
    for (int i = 0; i < 40000; ++i)
        book += "Line " + std::to_string(i * 7919) + " of a book without an end.\n";
    folder_.write("book.txt", book);
    ASSERT_EQ(prepare({"--corpus", "book.txt"}), 0) << err_;
    EXPECT_THAT(err_, HasSubstr("cut into parts"));
}

TEST_F(PrepareCommandTest, ATildeIsExpandedWhereverItComesFrom) {
    folder_.write("texts/a.jsonl", lines(600));
    ASSERT_EQ(prepare({"--corpus", "~/texts/*.jsonl"}), 0) << err_;
    EXPECT_TRUE(fs::exists(folder_ / "data/.requests"));
    EXPECT_FALSE(fs::exists(folder_ / "~"));
    ::setenv("AUTORESEARCH_CORPUS", "~/texts", 1);
    ASSERT_EQ(prepare({}), 0) << err_;
    EXPECT_THAT(out_, HasSubstr("corpus " + (folder_ / "texts").string()));
}

// As `autoresearch.json` says where in the repository it is, from whichever folder.
TEST_F(PrepareCommandTest, APathInTheRepositorysFileIsRelativeToItsRoot) {
    folder_.write("repository/texts/a.jsonl", lines(600));
    fs::create_directories(folder_ / "repository/sub");
    ASSERT_EQ(std::system(("git init -q '" + (folder_ / "repository").string() + "'").c_str()), 0);
    fs::current_path(folder_ / "repository/sub");
    for (const char* corpus : {"texts", "texts/*.jsonl", "texts/**/*.jsonl", "~/repository/texts"}) {
        folder_.write("repository/autoresearch.json", nlohmann::json{{"corpus", corpus}}.dump());
        EXPECT_EQ(prepare({}), 0) << corpus << ": " << err_;
        EXPECT_THAT(out_, HasSubstr("corpus " + (folder_ / "repository/texts").string()));
    }
}

}  // namespace
}  // namespace autoresearch
