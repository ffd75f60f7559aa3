#include <gtest/gtest.h>
#include <sys/stat.h>

#include "autoresearch/error.h"
#include "prepare/data/corpus.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

class CorpusTest : public ::testing::Test {
  protected:
    std::vector<std::string> documents_of(const std::string& corpus) {
        const auto files = find_corpus(corpus, folder_ / "torch");
        DocumentReader reader(files);
        std::vector<std::string> documents;
        for (std::string document; reader.next(document);) documents.push_back(document);
        EXPECT_EQ(reader.share_read(), 1.0);
        return documents;
    }

    /// Message and hint.
    std::string complaint(const std::string& corpus) {
        try {
            documents_of(corpus);
            return "";
        } catch (const UserError& error) {
            return std::string(error.what()) + " | " + error.hint();
        }
    }

    TempDirectory folder_;
};

using Texts = std::vector<std::string>;

TEST_F(CorpusTest, TorchSourcesAreItsPythonFilesInOrder) {
    folder_.write("torch/b.py", "B");
    folder_.write("torch/a/z.py", "Z");
    folder_.write("torch/a.py", "A");
    folder_.write("torch/empty.py", "");
    folder_.write("torch/c.txt", "no");
    std::filesystem::create_directory(folder_ / "torch/folder.py");
    ASSERT_EQ(mkfifo((folder_ / "torch/pipe.py").c_str(), 0600), 0);
    std::filesystem::create_symlink("nowhere", folder_ / "torch/dangling.py");
    EXPECT_EQ(documents_of("torch-sources"), (Texts{"A", "Z", "B"}));
}

TEST_F(CorpusTest, TorchSourcesNeedTorch) {
    EXPECT_NE(complaint("torch-sources").find("needs an installed torch"), std::string::npos);
}

TEST_F(CorpusTest, AFolderGivesItsTextFilesWithoutTheHidden) {
    folder_.write("c/x.md", "X");
    folder_.write("c/sub/y.CPP", "Y");
    folder_.write("c/image.png", "no");
    folder_.write("c/.git/z.txt", "no");
    folder_.write("c/.hidden.txt", "no");
    folder_.write("c/lines.jsonl", "{\"text\":\"one\"}\n");
    EXPECT_EQ(documents_of((folder_ / "c").string()), (Texts{"one", "Y", "X"}));
}

TEST_F(CorpusTest, AFileOrAGlobIsTakenWhateverItsName) {
    folder_.write("a.log", "A");
    folder_.write("b.log", "B");
    folder_.write("c.md", "C");
    EXPECT_EQ(documents_of((folder_ / "a.log").string()), (Texts{"A"}));
    EXPECT_EQ(documents_of((folder_ / "*.log").string()), (Texts{"A", "B"}));
}

TEST_F(CorpusTest, JsonlGivesADocumentALine) {
    folder_.write("a.jsonl",
                  "{\"text\":\"one\\ntwo\",\"id\":1}\r\n\n{\"text\":\"\"}\n{\"text\":\"\\u00e9\\u0000x\"}");
    folder_.write("b.jsonl", "{\"text\":\"three\"}\n");
    EXPECT_EQ(documents_of((folder_ / "*.jsonl").string()),
              (Texts{"one\ntwo", std::string("é\0x", 4), "three"}));
}

TEST_F(CorpusTest, JsonlErrorsNameTheLine) {
    folder_.write("a.jsonl", "{\"text\":\"one\"}\n{\"body\":\"x\"}\n");
    EXPECT_NE(complaint((folder_ / "a.jsonl").string()).find("line 2 has no text in a field \"text\""),
              std::string::npos);
    folder_.write("a.jsonl", "\n{\"text\":\"on");
    EXPECT_NE(complaint((folder_ / "a.jsonl").string()).find("line 2 is not JSON"), std::string::npos);
    for (const char* line : {"[1]", "3", "{\"text\":null}", "{\"text\":\"\\ud800\"}"}) {
        folder_.write("a.jsonl", line);
        EXPECT_NE(complaint((folder_ / "a.jsonl").string()), "") << line;
    }
}

TEST_F(CorpusTest, SaysWhatItCannotRead) {
    folder_.write("p/part.parquet", "PAR1");
    folder_.write("p/readme.md", "x");
    EXPECT_NE(complaint((folder_ / "p").string()).find("part.parquet"), std::string::npos);
    folder_.write("t.txt.gz", "x");
    EXPECT_NE(complaint((folder_ / "t.txt.gz").string()).find("cannot read .gz files"), std::string::npos);
    ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
    EXPECT_NE(complaint((folder_ / "pipe").string()).find("neither a file nor a folder"), std::string::npos);
}

TEST_F(CorpusTest, NothingThereIsAnError) {
    std::filesystem::create_directory(folder_ / "void");
    folder_.write("empty.txt", "");
    EXPECT_NE(complaint((folder_ / "void").string()).find("no text in corpus"), std::string::npos);
    EXPECT_NE(complaint((folder_ / "empty.txt").string()).find("no text in corpus"), std::string::npos);
    EXPECT_NE(complaint((folder_ / "missing").string()).find("no such corpus file or folder"),
              std::string::npos);
    EXPECT_NE(complaint((folder_ / "*.none").string()).find("no such corpus file or folder"),
              std::string::npos);
}

TEST_F(CorpusTest, AnUnknownNameGetsASuggestion) {
    EXPECT_NE(complaint("torch-source").find("unknown corpus: torch-source | did you mean torch-sources?"),
              std::string::npos);
    EXPECT_NE(complaint("wikipedia").find("known: torch-sources"), std::string::npos);
}

TEST_F(CorpusTest, AFileThatVanishesIsNamed) {
    const auto file = folder_.write("a.txt", "A");
    const auto files = find_corpus(file.string(), {});
    std::filesystem::remove(file);
    DocumentReader reader(files);
    std::string document;
    try {
        reader.next(document);
        ADD_FAILURE();
    } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find("a.txt"), std::string::npos);
    }
}

TEST_F(CorpusTest, TheKeyIsTheSameForDifferentSpellingsOfAPath) {
    EXPECT_EQ(corpus_key("torch-sources"), "torch-sources");
    EXPECT_EQ(corpus_key("x/./y/"), corpus_key("x/z/../y"));
    EXPECT_EQ(corpus_key("x"), (std::filesystem::current_path() / "x").string());
}

}  // namespace
}  // namespace autoresearch
