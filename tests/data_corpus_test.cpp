#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "autoresearch/error.h"
#include "corpus_fixture.h"

namespace autoresearch {
namespace {

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
    for (const char* line : {"[1]", "3", "{\"text\":5}", "{\"text\":\"\\ud800}"}) {
        folder_.write("a.jsonl", line);
        EXPECT_NE(complaint((folder_ / "a.jsonl").string()), "") << line;
    }
}

TEST_F(CorpusTest, AFieldOfAnotherName) {
    options_.request.text_column = "body";
    EXPECT_EQ(documents_of_file("a.jsonl", "{\"body\":\"one\",\"text\":\"no\"}\n"), (Texts{"one"}));
}

TEST_F(CorpusTest, ASeparatorCutsATextFile) {
    options_.request.separator = "<|endoftext|>";
    std::string text;
    Texts expected;
    for (int i = 0; i < 3000; ++i) {
        expected.push_back("story " + std::to_string(i) +
                           std::string(static_cast<std::size_t>(i) % 300, 'x'));
        text += expected.back() + "<|endoftext|>";
    }
    EXPECT_EQ(documents_of_file("a.txt", text), expected);
    EXPECT_EQ(documents_of_file("a.txt", "<|endoftext|><|endoftext|>one<|endoftext|>two<|end"),
              (Texts{"one", "two<|end"}));
    options_.request.separator = "\\n\\n";
    EXPECT_EQ(documents_of_file("b.txt", "one\nmore\n\n\n\ntwo\n"), (Texts{"one\nmore", "two\n"}));
}

TEST_F(CorpusTest, ReadsCompressedFiles) {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
    EXPECT_EQ(documents_of_file("a.txt.gz", gzipped(text)), (Texts{text}));
    EXPECT_EQ(documents_of_file("a.TXT.ZST", zstandard(text)), (Texts{text}));
    // Several streams one behind the other are one file.
    EXPECT_EQ(documents_of_file("b.txt.gz", gzipped(text) + gzipped("end")), (Texts{text + "end"}));
    EXPECT_EQ(documents_of_file("b.txt.zst", zstandard(text) + zstandard("end")), (Texts{text + "end"}));
    const std::string lines = "{\"text\":\"one\"}\n{\"text\":\"two\"}\n";
    EXPECT_EQ(documents_of_file("a.jsonl.gz", gzipped(lines)), (Texts{"one", "two"}));
    EXPECT_EQ(documents_of_file("a.jsonl.zst", zstandard(lines)), (Texts{"one", "two"}));
}

TEST_F(CorpusTest, NoticesDamagedCompressedFiles) {
    const std::string text = "some text " + std::string(1000, 'x');
    const std::string gzip = gzipped(text), zstd = zstandard(text);
    for (std::size_t cut = 1; cut < gzip.size(); ++cut)
        EXPECT_NE(complaint(folder_.write("a.txt.gz", gzip.substr(0, cut)).string()), "") << cut;
    for (std::size_t cut = 1; cut < zstd.size(); ++cut)
        EXPECT_NE(complaint(folder_.write("a.txt.zst", zstd.substr(0, cut)).string()), "") << cut;
    EXPECT_NE(complaint(folder_.write("b.txt.gz", "plain").string()).find("it is not gzip"),
              std::string::npos);
    EXPECT_NE(complaint(folder_.write("b.txt.zst", "plain").string()).find("cannot read"), std::string::npos);
}

class ParquetTest : public CorpusTest {
  protected:
    void SetUp() override {
        try {
            check_parquet_reader(options_.parquet_reader);
        } catch (const UserError& error) {
            GTEST_SKIP() << error.what();
        }
    }
    const std::string golden_ = TEST_SOURCE_DIR "/tests/golden/texts.parquet",
                      kinds_ = TEST_SOURCE_DIR "/tests/golden/kinds.parquet";
    const Texts texts_ = {"one", "zwei\nZeilen", "три", "four", "five"};
};

TEST_F(ParquetTest, GivesADocumentARow) {
    EXPECT_EQ(documents_of(golden_), texts_);
    options_.request.text_column = "large";
    EXPECT_EQ(documents_of(golden_), texts_);
}

TEST_F(ParquetTest, ReadsEveryKindOfTextColumn) {
    for (const char* column :
         {"dictionary", "large", "view", "binary", "large_binary", "binary_view", "binary_dictionary"}) {
        options_.request.text_column = column;
        EXPECT_EQ(documents_of(kinds_), texts_) << column;
    }
    options_.request.text_column = "null";  // of a shard where nobody wrote a thing
    EXPECT_EQ(documents_of(kinds_), Texts());
    options_.request.text_column = "latin1";
    EXPECT_EQ(documents_of(kinds_), (Texts{"caf\xE9"})) << "as in any other file, the bytes are kept";
}

// A text of 300 kB a row, more than a pipe holds.
TEST_F(ParquetTest, TheReaderEndsWithoutAWordWhenNobodyListensAndOnCtrlC) {
    options_.request = {.corpus = kinds_, .text_column = "long"};
    testing::internal::CaptureStderr();
    EXPECT_THROW(read_documents(find_corpus(options_), [](auto&&...) { throw UserError("this is enough"); }),
                 UserError);
    std::string line = "echo $$; exec";
    for (const std::string& word : options_.parquet_reader) line += " '" + word + "'";
    std::FILE* const pipe = ::popen((line + " '" + kinds_ + "' long").c_str(), "r");
    int pid = 0;
    ASSERT_EQ(std::fscanf(pipe, "%d", &pid), 1);
    for (int byte = 0; byte != 'x' && byte != EOF;) byte = std::fgetc(pipe);
    EXPECT_EQ(::kill(pid, SIGINT), 0);
    EXPECT_TRUE(WIFSIGNALED(::pclose(pipe)));
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(ParquetTest, NamesTheColumnsWhenThereIsNoneOfThatName) {
    options_.request.text_column = "body";
    EXPECT_NE(complaint(golden_).find("no column \"body\", only id, text, large, number"), std::string::npos);
    options_.request.text_column = "number";
    EXPECT_NE(complaint(golden_).find("is not text but int64"), std::string::npos);
}

TEST_F(ParquetTest, NoticesDamage) {
    const std::string good = read_text(golden_);
    for (std::size_t cut = 1; cut < good.size(); cut += 211)
        EXPECT_NE(complaint(folder_.write("a.parquet", good.substr(0, cut)).string()).find("cannot read"),
                  std::string::npos);
    EXPECT_NE(complaint(folder_.write("b.parquet", "no parquet").string()).find("cannot read"),
              std::string::npos);
}

TEST_F(ParquetTest, BelievesNoLengthBeforeTheBytesHaveCome) {
    Corpus corpus;
    corpus.files = {{folder_.write("a.parquet", std::string("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x7f"
                                                            "abc",
                                                            19))}};
    corpus.parquet_reader = {"cat"};  // of the file, and of the column
    corpus.text_column = "/dev/null";
    EXPECT_THROW(read_documents(corpus, [](const std::string&, Part, double) {}), UserError);
}

TEST_F(ParquetTest, SaysWhenTheReaderIsMissing) {
    options_.request.corpus = golden_;
    const Corpus good = find_corpus(options_);
    const auto expect_refused = [&](std::size_t word, const std::string& by, const std::string& words) {
        Corpus corpus = good;
        corpus.parquet_reader[word] = by;
        try {
            check_readers(corpus);
            ADD_FAILURE() << "it is taken";
        } catch (const UserError& error) {
            EXPECT_EQ(error.what(), "cannot read parquet files: " + words);
            EXPECT_EQ(error.hint(), "run scripts/setup");
        }
    };
    const std::string nothing = (folder_ / "nothing").string(), python = good.parquet_reader[0];
    expect_refused(0, nothing, nothing + " is missing");
    expect_refused(2, nothing, nothing + " is missing");
    expect_refused(2, folder_.write("a.py", "import no_pyarrow\n").string(),
                   python + ": ModuleNotFoundError: No module named 'no_pyarrow'");
    options_.request.corpus = folder_.write("a.txt", "no parquet").string();
    options_.parquet_reader = {nothing};
    check_readers(find_corpus(options_));
}

TEST_F(CorpusTest, AnEntryOfTheCatalogMayNameLocalFiles) {
    folder_.write("configs/corpora.json", R"({ // comments are fine
        "mine": {"train": ["../texts/part_##.txt"], "count": 3, "held_out": ["../texts/last.jsonl"], "text_column": "t",
                 "separator": "--"}})");
    folder_.write("texts/part_00.txt", "A--B");
    folder_.write("texts/part_01.txt", "C");
    folder_.write("texts/part_02.txt", "D");
    folder_.write("texts/last.jsonl", "{\"t\":\"V\"}");
    options_.corpora = folder_ / "configs/corpora.json";
    EXPECT_EQ(documents_of("mine"), (Texts{"V", "A", "B", "C", "D"}));
    EXPECT_EQ(parts_,
              (std::vector<Part>{Part::held_out, Part::train, Part::train, Part::train, Part::train}));
    options_.request.shards = 2;
    EXPECT_EQ(documents_of("mine"), (Texts{"V", "A", "B", "C"}));
    EXPECT_NE(complaint("mina").find("did you mean mine?"), std::string::npos);
    folder_.write("configs/corpora.json", R"({"mine": {"train": ["../texts/part_0#.txt"], "count": 1e300}})");
    EXPECT_EQ(documents_of("mine"), (Texts{"A--B", "C"}));
    folder_.write("configs/corpora.json", R"({"mine": {"train": [1]}})");
    EXPECT_NE(complaint("mine").find("corpus mine"), std::string::npos);
    folder_.write("configs/corpora.json", "[]");
    EXPECT_NE(complaint("mine").find("is not a JSON object"), std::string::npos);
}

TEST_F(CorpusTest, TheShippedCatalogIsWhole) {
    const auto corpora = nlohmann::json::parse(read_text(TEST_SOURCE_DIR "/configs/corpora.json"));
    EXPECT_TRUE(corpora.contains(kTorchSources));
    for (const char* name : {"climbmix", "tinystories"}) {
        EXPECT_EQ(corpora[name]["train"][0].get<std::string>().rfind("https://huggingface.co/", 0), 0U);
        EXPECT_EQ(corpora[name]["held_out"].size(), 1U);
    }
    EXPECT_EQ(corpora["climbmix"]["count"], 6542);
}

TEST_F(CorpusTest, SaysWhatItCannotRead) {
    folder_.write("t.txt.xz", "x");
    EXPECT_NE(complaint((folder_ / "t.txt.xz").string()).find("cannot read files of this kind"),
              std::string::npos);
    ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
    EXPECT_NE(complaint((folder_ / "pipe").string()).find("no such corpus file"), std::string::npos);
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
    EXPECT_NE(
        complaint("wikipedia").find("unknown corpus: wikipedia | known are torch-sources; otherwise give"),
        std::string::npos);
}

TEST_F(CorpusTest, AFileThatVanishesIsNamed) {
    options_.request.corpus = folder_.write("a.txt", "A").string();
    const Corpus corpus = find_corpus(options_);
    std::filesystem::remove(folder_ / "a.txt");
    try {
        read_documents(corpus, [](const std::string&, Part, double) {});
        ADD_FAILURE();
    } catch (const std::system_error& error) {
        EXPECT_NE(std::string(error.what()).find("a.txt"), std::string::npos);
    }
}

TEST_F(CorpusTest, TheKeyIsTheSameForDifferentSpellingsOfAPath) {
    EXPECT_EQ(corpus_key("torch-sources"), "torch-sources");
    EXPECT_EQ(corpus_key("x/./y/"), corpus_key("x/z/../y"));
    EXPECT_EQ(corpus_key("./x"), (std::filesystem::current_path() / "x").string());
    EXPECT_EQ(corpus_key("*.txt"), (std::filesystem::current_path() / "*.txt").string());
}

}  // namespace
}  // namespace autoresearch
