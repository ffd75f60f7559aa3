// What a file is told to be by its content, and what becomes of rows and files that cannot be read.

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "corpus_fixture.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kTwo = "{\"text\":\"one\"}\n{\"text\":\"two\"}\n";

TEST_F(CorpusTest, JsonLinesAreKnownByTheirContent) {
    const Texts two = {"one", "two"};
    for (const char* name : {"a.json", "a.ndjson", "a", "part-00000", "a.log", "A.JSON"})
        EXPECT_EQ(documents_of_file(name, kTwo), two) << name;
    EXPECT_EQ(documents_of_file("b.json.gz", gzipped(kTwo)), two);
    EXPECT_EQ(documents_of_file("b.ndjson.zst", zstandard(kTwo)), two);
    EXPECT_EQ(documents_of_file("packed", gzipped(kTwo)), two) << "packed, and no name says so";
    EXPECT_EQ(documents_of_file("packed2", zstandard(kTwo)), two);
    EXPECT_EQ(documents_of_file("long", "{\"text\":\"" + std::string(1 << 20, 'x') + "\"}\n"),
              Texts{std::string(1 << 20, 'x')});
    EXPECT_EQ(documents_of_file("a.txt", kTwo), Texts{kTwo}) << "the name says text";
    EXPECT_THAT(report_.note, HasSubstr("a.txt looks like JSON lines"));
    EXPECT_EQ(documents_of_file("a.dat", "{ a brace begins this text\n"),
              Texts{"{ a brace begins this text\n"});
}

TEST_F(CorpusTest, LinesMayEndAsOnAnySystemAndBeginWithAMark) {
    const Texts two = {"one", "two"};
    EXPECT_EQ(documents_of_file("a.jsonl", "\xEF\xBB\xBF{\"text\":\"one\"}\r\n{\"text\":\"two\"}\r\n"), two);
    EXPECT_EQ(documents_of_file("b.jsonl", "{\"text\":\"one\"}\r{\"text\":\"two\"}\r"), two);
    EXPECT_EQ(documents_of_file("c.json", "\n\n\xEF\xBB\xBF{\"text\":\"one\"}\r\n\r\n{\"text\":\"two\"}"),
              two);
    folder_.write("d.jsonl", "{\"text\":\"one\"}\r\n\r\nbad\r\n");
    EXPECT_THAT(complaint((folder_ / "d.jsonl").string()), HasSubstr("line 3 is not JSON"));
    EXPECT_EQ(documents_of_file("e.txt", "\xEF\xBB\xBFtext\r\n"), Texts{"text\r\n"});
}

TEST_F(CorpusTest, JsonThatIsNotInLinesIsRefusedByName) {
    for (const char* text :
         {"[{\"text\":\"one\"},\n{\"text\":\"two\"}]", "[\n  {\n    \"text\": \"one\"\n  }\n]",
          "{\n  \"text\": \"one\"\n}\n", "[ ]", "hello"}) {
        const std::string words = complaint(folder_.write("a.json", text).string());
        EXPECT_THAT(words, HasSubstr("a.json is not JSON lines")) << text;
        EXPECT_THAT(words, HasSubstr("jq -c '.[]' a.json > lines.jsonl")) << text;
    }
    EXPECT_THAT(complaint(folder_.write("dump", "[{\"text\":\"one\"}]").string()),
                HasSubstr("dump is not JSON"));
}

TEST_F(CorpusTest, AFolderTakesJsonWithTextsAndCountsWhatItPassesOver) {
    folder_.write("c/a.json", kTwo);
    folder_.write("c/b.json.gz", gzipped("{\"text\":\"three\"}\n"));
    folder_.write("c/info.json", "{\"name\":\"no text\"}\n");
    folder_.write("c/list.json", "[{\"text\":\"no\"}]");
    folder_.write("c/image.png", "no");
    folder_.write("c/empty.jsonl", "");
    folder_.write("c/.hidden.txt", "no");
    EXPECT_EQ(documents_of((folder_ / "c").string()), (Texts{"one", "two", "three"}));
    EXPECT_EQ(report_.skipped, (Counts{{"other_files", 3}, {"hidden", 1}, {"empty_files", 1}}));
}

/// In this many bytes a unit, with or without a byte-order mark.
std::string wide(const std::u32string& text, std::size_t unit, bool big, bool mark) {
    std::u32string all = mark ? U"\uFEFF" + text : text;
    std::string bytes;
    const auto add = [&](std::uint32_t code) {
        for (std::size_t i = 0; i < unit; ++i)
            bytes += static_cast<char>(code >> (8 * (big ? unit - 1 - i : i)));
    };
    for (const char32_t c : all) {
        if (unit == 4 || c < 0x10000) {
            add(c);
        } else {
            add(0xD800 + ((c - 0x10000) >> 10));
            add(0xDC00 + ((c - 0x10000) & 0x3FF));
        }
    }
    return bytes;
}

TEST_F(CorpusTest, Utf16AndUtf32AreConverted) {
    std::u32string text;
    std::string expected;
    for (int i = 0; i < 60000; ++i) {  // more than a block
        text += U"straße 🙂 line of plain words\n";
        expected += "straße 🙂 line of plain words\n";
    }
    for (const std::size_t unit : {2, 4}) {
        for (const bool big : {false, true}) {
            for (const bool mark : {true, false}) {
                const std::string bytes = wide(text, unit, big, mark);
                EXPECT_TRUE(documents_of_file("a.txt", bytes) == Texts{expected}) << unit << big << mark;
                EXPECT_EQ(documents_of_file(
                              "a.jsonl", wide(U"{\"text\":\"one\"}\r\n{\"text\":\"🙂\"}", unit, big, mark)),
                          (Texts{"one", "🙂"}))
                    << unit << big << mark;
            }
        }
    }
    EXPECT_EQ(documents_of_file("b.txt.gz", gzipped(wide(U"packed", 2, false, true))), Texts{"packed"});
    EXPECT_EQ(documents_of_file("c.txt", std::string("\xFF\xFE", 2) + std::string("a\0\x3d\xd8"
                                                                                  "b\0",
                                                                                  6)),
              Texts{"a\xEF\xBF\xBD"
                    "b"})
        << "half a pair";
}

TEST_F(CorpusTest, WhatIsNotTextIsNamedAndOneAmongManyIsCounted) {
    const std::string binary("PK\3\4\0\0 and more", 15);
    const std::string words = complaint(folder_.write("only.txt", binary).string());
    EXPECT_THAT(words, HasSubstr("only.txt is not text"));
    EXPECT_THAT(words, HasSubstr("iconv"));
    for (int i = 0; i < 100; ++i) folder_.write("c/" + std::to_string(i) + ".txt", "text");
    folder_.write("c/binary.txt", binary);
    EXPECT_EQ(documents_of((folder_ / "c").string()).size(), 100U);
    EXPECT_EQ(report_.skipped, (Counts{{"not_text", 1}}));
    folder_.write("c/binary2.txt", binary);
    EXPECT_THAT(complaint((folder_ / "c").string()),
                HasSubstr("binary.txt is not text: it has zero bytes, the first of 2 bad rows of 102"));
}

TEST_F(CorpusTest, BadRowsAreCountedUpToOneInAHundred) {
    std::string lines;
    for (int i = 0; i < 594; ++i) lines += "{\"text\":\"line\"}\n";
    for (const char* bad :
         {"{\"text\":\"on", "{\"text\":5}", "{\"body\":\"x\"}", "[1]", "{\"text\":[\"x\"]}"})
        lines += std::string(bad) + "\n";
    EXPECT_EQ(documents_of_file("a.jsonl", lines).size(), 594U);
    EXPECT_EQ(report_.skipped, (Counts{{"not_json", 1}, {"no_text", 4}}));
    const std::string words = complaint(folder_.write("a.jsonl", lines + "\xff\n{}\n").string());
    EXPECT_THAT(words, HasSubstr("a.jsonl, line 595 is not JSON, the first of 7 bad rows of 601"));
    EXPECT_THAT(words, HasSubstr("--text-column"));
}

TEST_F(CorpusTest, WhereNothingIsGoodTheRestIsNotRead) {
    std::string lines;
    for (int i = 0; i < 200000; ++i) lines += "{\"body\":\"line\"}\n";
    const std::string words = complaint(folder_.write("a.jsonl", lines).string());
    EXPECT_THAT(words, HasSubstr("a.jsonl, line 1 has no text in a field"));
    EXPECT_THAT(words, Not(HasSubstr("of 200000")));
}

TEST_F(CorpusTest, JsonInAnotherEncodingIsNamed) {
    const std::string words = complaint(folder_.write("a.jsonl", "{\"text\":\"caf\xE9\"}\n").string());
    EXPECT_THAT(words, HasSubstr("line 1 is not UTF-8"));
    EXPECT_THAT(words, HasSubstr("iconv"));
}

TEST_F(CorpusTest, EmptyRowsAreCountedAndNeverTooMany) {
    EXPECT_EQ(documents_of_file("a.jsonl", kTwo + "{\"text\":null}\n{\"text\":\"\"}\n"),
              (Texts{"one", "two"}));
    EXPECT_EQ(report_.skipped, (Counts{{"empty", 2}}));
}

TEST_F(CorpusTest, HalfASurrogatePairBecomesTheReplacementCharacter) {
    const std::string half = "\xEF\xBF\xBD";
    EXPECT_EQ(documents_of_file(
                  "a.jsonl",
                  "{\"text\":\"a\\ud83d\"}\n{\"text\":\"\\ude00b\"}\n{\"text\":\"\\ud83d\\ud83d\\ude00\"}\n"
                  "{\"text\":\"\\\\ud83d \\uD83Dx\"}\n"),
              (Texts{"a" + half, half + "b", half + "😀", "\\ud83d " + half + "x"}));
    EXPECT_EQ(report_.skipped, Counts());
}

TEST_F(CorpusTest, ZstandardWithTheLargestWindows) {
    for (const int log : {28, 30, 31}) {
        std::string frame("\x28\xB5\x2F\xFD\0", 5);  // no size, so the window says how much memory it takes
        frame += static_cast<char>((log - 10) << 3);
        frame += std::string("\x21\0\0", 3) + "text";  // the last block, 4 bytes as they are
        EXPECT_EQ(documents_of_file("a.txt.zst", frame), Texts{"text"}) << log;
    }
}

TEST_F(CorpusTest, LinksToFoldersAreFollowedOnce) {
    folder_.write("c/a.txt", "A");
    folder_.write("c/sub/b.txt", "B");
    folder_.write("far/c.txt", "C");
    folder_.write("far/deep/d.txt", "D");
    fs::create_directory_symlink("../far", folder_ / "c/part1");
    EXPECT_EQ(documents_of((folder_ / "c").string()), (Texts{"A", "C", "D", "B"}));
    fs::create_directory_symlink("../far", folder_ / "c/part2");     // the same again
    fs::create_directory_symlink(".", folder_ / "c/loop");           // loops
    fs::create_directory_symlink("../../c", folder_ / "c/sub/up");   //
    fs::create_directory_symlink("..", folder_ / "far/deep/round");  //
    fs::create_directory_symlink("..", folder_ / "c/above");         // what the corpus is in
    fs::create_directory_symlink("nowhere", folder_ / "c/dangling");
    folder_.write("other.txt", "not of this corpus");
    EXPECT_EQ(documents_of((folder_ / "c").string()), (Texts{"A", "C", "D", "B"}));
    EXPECT_EQ(report_.skipped, (Counts{{"other_files", 1}}));
    fs::create_directory(folder_ / "links");
    fs::create_directory_symlink("../c", folder_ / "links/only");
    EXPECT_EQ(documents_of((folder_ / "links").string()).size(), 4U);
    // A real folder comes before a link to it, whatever their names.
    folder_.write("e/z/f.txt", "F");
    fs::create_directory_symlink("z", folder_ / "e/a");
    options_.request.corpus = folder_ / "e";
    EXPECT_EQ(find_corpus(options_).files.at(0).path, folder_ / "e/z/f.txt");
}

TEST_F(CorpusTest, GlobsTakeFoldersManyFoldersAndLists) {
    folder_.write("t/a.txt", "A");
    folder_.write("t/b/c.txt", "C");
    folder_.write("t/b/d/e.txt", "E");
    folder_.write("t/b/d/f.md", "F");
    folder_.write("t/.git/g.txt", "no");
    const auto of = [&](const std::string& glob) { return documents_of((folder_ / glob).string()); };
    EXPECT_EQ(of("t/*"), (Texts{"A", "C", "E", "F"}));
    EXPECT_EQ(of("t/**/*.txt"), (Texts{"A", "C", "E"}));
    EXPECT_EQ(of("t/**"), (Texts{"A", "C", "E", "F"}));
    EXPECT_EQ(of("t/**/d/*"), (Texts{"E", "F"}));
    EXPECT_EQ(of("t/**/d/**/f.*"), (Texts{"F"}));
    EXPECT_EQ(of("t/{a.txt,b/d/*.md}"), (Texts{"A", "F"}));
    EXPECT_THAT(complaint((folder_ / "t/**/*.none").string()), HasSubstr("no such corpus file or folder"));
    EXPECT_THAT(complaint((folder_ / "none/**/*.txt").string()), HasSubstr("no such corpus file or folder"));
}

TEST_F(CorpusTest, WhatIsNoTextByItsNameIsRefusedAloneAndPassedOverAmongOthers) {
    for (const char* name : {"a.csv", "a.pdf", "a.tsv.gz"})
        EXPECT_THAT(complaint(folder_.write(name, "x,y").string()),
                    HasSubstr("cannot read files of this kind"));
    folder_.write("d/a.csv", "x,y");
    folder_.write("d/b.txt", "B");
    EXPECT_EQ(documents_of((folder_ / "d/*").string()), Texts{"B"});
    EXPECT_EQ(report_.skipped, (Counts{{"other_files", 1}}));
    EXPECT_THAT(complaint((folder_ / "d/*.csv").string()), HasSubstr("cannot read files of this kind"));
}

TEST_F(CorpusTest, SeveralPathsAreOneWord) {
    const std::string a = folder_.write("x/a.txt", "A"), b = folder_.write("y/b.jsonl", kTwo);
    EXPECT_EQ(documents_of("{" + a + "," + b + "}").size(), 3U);
    EXPECT_EQ(documents_of(corpus_key("{" + a + "," + (folder_ / "y").string() + "}")).size(), 3U);
    EXPECT_EQ(corpus_key("{x,/y/../z}"), "{" + (fs::current_path() / "x").string() + ",/z}");
}

TEST_F(CorpusTest, AShardWithoutRowsIsFine) {
    folder_.write("s/0.json", kTwo);
    folder_.write("s/1.json", "\n");
    folder_.write("s/2.json.gz", gzipped(""));
    folder_.write("s/3.jsonl.zst", zstandard(""));
    folder_.write("s/4.jsonl", "");
    EXPECT_EQ(documents_of((folder_ / "s/*").string()), (Texts{"one", "two"}));
    EXPECT_EQ(report_.skipped, (Counts{{"empty_files", 1}}));
}

TEST_F(CorpusTest, AFolderOfUnknownNamesSaysHowToTakeThem) {
    folder_.write("s/part-00000", kTwo);
    folder_.write("s/part-00001", kTwo);
    const std::string words = complaint((folder_ / "s").string());
    EXPECT_THAT(words, HasSubstr("passed over: 2 files of other kinds"));
    EXPECT_THAT(words, HasSubstr("quoted glob"));
    EXPECT_EQ(documents_of((folder_ / "s/*").string()).size(), 4U);
}

TEST_F(CorpusTest, ATildeIsTheHomeFolderEverywhere) {
    folder_.write("texts/a.jsonl", kTwo);
    folder_.write("corpora.json", R"({"mine": {"train": ["~/texts/*.jsonl"]}})");
    const std::string home = std::getenv("HOME");
    ::setenv("HOME", folder_.path().c_str(), 1);
    for (const char* corpus : {"~/texts", "~/texts/*.jsonl", "~/texts/a.jsonl", "~/**/a.jsonl"})
        EXPECT_EQ(documents_of(corpus).size(), 2U) << corpus;
    EXPECT_EQ(corpus_key("~/texts"), (folder_ / "texts").string());
    EXPECT_EQ(corpus_key("~/none/*.txt"), (folder_ / "none/*.txt").string());
    options_.corpora = folder_ / "corpora.json";
    EXPECT_EQ(documents_of("mine").size(), 2U);
    ::setenv("HOME", home.c_str(), 1);
}

TEST_F(CorpusTest, ATextIsCutIntoPartsAtLineEnds) {
    std::string lines, words, letters, paragraphs;
    for (int i = 0; i < 20000; ++i) {
        lines += "line " + std::to_string(i) + "\n";
        words += "word" + std::to_string(i) + " ";
        letters += "ж";
        paragraphs += "line " + std::to_string(i) + (i % 20 == 0 ? "\n\n" : "\n");
    }
    const Texts texts = {paragraphs, lines, words, letters, letters + lines};
    for (const std::string& text : texts) {
        options_.request.corpus = folder_.write("a.txt", text).string();
        Corpus corpus = find_corpus(options_);
        corpus.part_bytes = 4096;
        std::string joined;
        Texts parts;
        read_documents(corpus, [&](const std::string& part, Part, double) {
            joined += part;
            parts.push_back(part);
        });
        EXPECT_TRUE(joined == text);
        EXPECT_GT(parts.size(), text.size() / 8193);
        for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
            EXPECT_GE(parts[i].size(), 4096U);
            EXPECT_LE(parts[i].size(), 8192U);
            EXPECT_NE(parts[i + 1][0] & 0xC0, 0x80) << "a character is cut";
            EXPECT_TRUE(&text != &texts[0] || parts[i].ends_with("\n\n"));
        }
    }
}

/// Files that pyarrow writes.
class ParquetKindsTest : public CorpusTest {
  protected:
    void SetUp() override {
        try {
            check_parquet_reader(options_.parquet_reader);
        } catch (const UserError& error) {
            GTEST_SKIP() << error.what();
        }
    }
    /// columns: a Python dict from names to arrays.
    void write_table(const std::string& name, const std::string& columns) const {
        fs::create_directories((folder_ / name).parent_path());
        const std::string program = "import pyarrow as a, pyarrow.parquet as q; q.write_table(a.table(" +
                                    columns + "), '" + (folder_ / name).string() + "')";
        const std::string command = "'" + options_.parquet_reader[0] + "' -c \"" + program + "\"";
        ASSERT_EQ(std::system(command.c_str()), 0) << command;
    }
};

TEST_F(ParquetKindsTest, OneShardOfAnotherKindDoesNotEndIt) {
    write_table("c/a.parquet", "{'text': ['text of a row'] * 1000}");
    write_table("c/b.parquet", "{'text': a.nulls(50)}");              // nobody wrote a thing
    write_table("c/c.parquet", "{'text': a.array([], a.string())}");  // no row
    write_table("c/d.parquet", "{'text': a.array(['x', None, ''], a.large_string())}");
    write_table("c/e.parquet", "{'body': ['x'] * 5}");           // no such column
    write_table("c/f.parquet", "{'text': a.array([[1]] * 5)}");  // no text
    const std::string folder = (folder_ / "c").string();
    EXPECT_EQ(documents_of(folder).size(), 1001U);
    EXPECT_EQ(report_.skipped, (Counts{{"empty", 52}, {"no_text", 10}}));
    write_table("c/g.parquet", "{'body': ['x'] * 5}");
    EXPECT_THAT(
        complaint(folder),
        HasSubstr("e.parquet: it has no column \"text\", only body, the first of 15 bad rows of 1068"));
    EXPECT_THAT(complaint(folder), HasSubstr("--text-column"));
}

TEST_F(ParquetKindsTest, ItIsKnownByItsFirstBytes) {
    write_table("shard-0", "{'text': ['one', 'two']}");
    EXPECT_EQ(documents_of((folder_ / "shard-0").string()), (Texts{"one", "two"}));
    options_.parquet_reader = {"/nothing"};
    EXPECT_THROW(check_readers(find_corpus(options_)), UserError);
    const std::string words =
        complaint(folder_.write("a.json.gz", gzipped(read_text(folder_ / "shard-0"))).string());
    EXPECT_THAT(words, HasSubstr("a.json.gz is not text"));
}

}  // namespace
}  // namespace autoresearch
