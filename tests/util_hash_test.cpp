#include <gtest/gtest.h>

#include "util/hash.h"
#include "util/source_tokens.h"

namespace autoresearch {
namespace {

bool same(std::string_view a, std::string_view b) {
    return normalized_source_hash(a) == normalized_source_hash(b);
}

TEST(Hash, KnownValues) {
    EXPECT_EQ(hex(xxh64("")), "ef46db3751d8e999");
    EXPECT_EQ(hex(xxh64("a")), "d24ec4f1a98c6e5b");
    EXPECT_EQ(hex(xxh64("abc")), "44bc2cf5ad770999");
    EXPECT_NE(xxh64("a", 1), xxh64("a"));
}

TEST(NormalizedSource, CommentsAndWhiteSpaceDoNotCount) {
    EXPECT_TRUE(same("int a = 1;", "int  a=1 ; // one\n"));
    EXPECT_TRUE(same("int a = 1;", "int /* x\ny */ a =\n\t1;"));
    EXPECT_TRUE(same("int a;", "int a; // goes on \\\n here too"));
    EXPECT_FALSE(same("int a = 1;", "int a = 2;"));
    EXPECT_FALSE(same("int ab;", "int a b;"));
    EXPECT_FALSE(same("c = a+ ++b;", "c = a++ +b;"));
}

TEST(NormalizedSource, LiteralsCountByteForByte) {
    EXPECT_FALSE(same(R"(f("a b"))", R"(f("ab"))"));
    EXPECT_FALSE(same(R"(f("// x"))", R"(f(""))"));
    EXPECT_FALSE(same(R"(f("\"// x"))", R"(f("\""))"));
    EXPECT_FALSE(same("f('\"', 1); // \"", "f('\"', 2);"));
    EXPECT_FALSE(same("R\"x(a /* )\" */ b)x\"", "R\"x(a /* )\" */b)x\""));
    EXPECT_TRUE(same("R\"(a)\" /* c */ + 1'000", "R\"(a)\"+1'000"));
}

TEST(NormalizedSource, TheEndOfADirectiveCounts) {
    EXPECT_FALSE(same("#define A b\nc", "#define A b c"));
    EXPECT_TRUE(same("#define A \\\n b\nc", "#define A b\n  c"));
    EXPECT_TRUE(same("#define A 1 // why\n", "#define A 1"));
}

TEST(SourceTokens, CountsTokensOnly) {
    EXPECT_EQ(count_source_tokens(""), 0);
    EXPECT_EQ(count_source_tokens("// nothing\n/* here */"), 0);
    EXPECT_EQ(count_source_tokens("for (int i = 0; i < 1'000; ++i) s += \"a b\";"), 18);
    EXPECT_EQ(count_source_tokens("#include <a>\n"), 5);
    EXPECT_EQ(count_source_tokens("1.5e-3f+.5"), 3);
}

TEST(SourceTokens, ADelimiterIsNoLongerThanTheLanguageAllows) {
    // Looked for without an end, it would make a source of nothing but beginnings take minutes.
    EXPECT_EQ(count_source_tokens("R\"aaaabbbbccccdddd(\")aaaabbbbccccdddd\""), 5) << "37 bytes";
    EXPECT_EQ(count_source_tokens("R\"aaaabbbbccccddddE(x)\""), 4) << "a word and a plain literal";
}

TEST(SourceTokens, BrokenSourceEndsSomewhere) {
    for (const char* text :
         {"\"open", "R\"(open", "R\"open", "/* open", "'", "\\", "\"a\\", "u8R\"", "\xff\xfe", "1'"}) {
        (void)source_tokens(text);
    }
    const auto tokens = source_tokens("a\n/*\n\n*/ b \"c\n d");
    ASSERT_EQ(tokens.size(), 4u);
    EXPECT_EQ(tokens[1].line, 4);
    EXPECT_EQ(tokens[3].text, "d") << "an unclosed string ends with its line";
}

}  // namespace
}  // namespace autoresearch
