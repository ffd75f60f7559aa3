#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guard/source_guard.h"
#include "temp_directory.h"
#include "util/hash.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;

const std::string kStart = "#include <autoresearch/session.h>\n";
const std::string kMain = "int main(int argc, char** argv) { autoresearch::Session session(argc, argv); }\n";

std::string reason_for(const std::string& source) {
    return broken_source_rule(source).value_or("fine");
}
/// The rules' answer to a whole trainer with these lines in it.
std::string reason_with(const std::string& lines) {
    return reason_for(kStart + lines + "\n" + kMain);
}

TEST(SourceRules, TheTrainerOfThisRepositoryKeepsThem) {
    EXPECT_EQ(reason_for(read_text(std::filesystem::path(TEST_SOURCE_DIR) / "train" / "train.cpp")), "fine");
}

TEST(SourceRules, SourceMustBeAPlainText) {
    EXPECT_EQ(reason_for(""), "the source is empty");
    EXPECT_EQ(reason_for(" \n// only words\n"), "the source is empty");
    EXPECT_EQ(reason_with(std::string("// a\0b", 6)), "the source has a NUL byte");
    EXPECT_THAT(reason_with("// a\n// b \u202E evil"), ::testing::HasSubstr("turns the direction of text"));
    EXPECT_EQ(reason_with("// \xff"), "the source is not UTF-8");
    EXPECT_EQ(reason_with("// " + std::string(kLargestSource, 'x')),
              "the source has 256 KiB; at most 256 are allowed");
}

TEST(SourceRules, AllowedHeaders) {
    for (const char* line :
         {"#include <torch/torch.h>", "#include <ATen/ATen.h>", "#include <c10/util/Half.h>",
          "#include \"autoresearch/session.h\"", "# include <vector> // why", "#include <stdint.h>"}) {
        EXPECT_EQ(reason_with(line), "fine") << line;
    }
}

TEST(SourceRules, RefusedHeaders) {
    for (const char* line : {"#include <fstream>", "#include <filesystem>", "#include <unistd.h>",
                             "#include \"train.h\"", "#include \"../prepare/session/clock.h\"",
                             "#include <torch/../../etc/passwd>", "#include HEADER", "#include /*x*/ A(b)",
                             "#include_next <vector>", "#import <vector>", "#embed \"val\"", "#include"}) {
        EXPECT_THAT(reason_with(line), HasSubstr("not allowed")) << line;
    }
}

TEST(SourceRules, RefusedWordsNameTheirLine) {
    EXPECT_EQ(reason_with("\nint x = fork();"), "line 3: fork: a trainer must not start other processes");
    for (const char* line : {"asm(\"nop\");",
                             "void f() { std::system(\"ls\"); }",
                             "auto* f = popen;",
                             "int p = posix_spawn(a);",
                             "void f() { ::execve(a, b, c); }",
                             "void* h = dlopen(a, 1);",
                             "FILE* f = fopen(a, b);",
                             "std::ifstream in(path);",
                             "int f = ::open(path, 0);",
                             "long n = write(3, a, b);",
                             "auto t = torch::load(m, path);",
                             "auto t = torch :: from_file(p);",
                             "auto e = std::getenv(\"HOME\");",
                             "std::random_device device;",
                             "auto p = \"../val.bin\";",
                             "auto p = R\"(meta.json)\";",
                             "long t = syscall(1);",
                             "namespace autoresearch { class Fake; }",
                             "namespace autoresearch::events {}",
                             "int f = openat(1, p, 0);"}) {
        EXPECT_THAT(reason_with(line), HasSubstr("line 2: ")) << line;
    }
}

TEST(SourceRules, CommonNamesAreNotMistakenForCalls) {
    for (const char* line :
         {"// fork, system(\"rm\"), val.bin", "bool open = true; if (stream.is_open()) {}",
          "file.write(a, b);", "const char* words = \"fork and popen\";", "using namespace autoresearch;",
          "std::chrono::system_clock clock;", "auto y = x.clone();", "namespace ar = autoresearch;",
          "#define SQUARE(x) \\\n    ((x) * (x))", "#if defined(__APPLE__)\n#endif"}) {
        EXPECT_EQ(reason_with(line), "fine") << line;
    }
}

TEST(SourceRules, LiteralSeeds) {
    for (const char* line :
         {"void f() { torch::manual_seed(42); }", "std::mt19937 engine(1);", "std::mt19937_64 engine{7u};",
          "auto e = std::mt19937(0x1f);", "void f() { srand(1); }"}) {
        EXPECT_THAT(reason_with(line), HasSubstr("literal seed")) << line;
    }
    EXPECT_EQ(reason_with("void f(unsigned seed) { std::mt19937 engine(seed + 1); }"), "fine");
}

TEST(SourceGuard, RefusesWhatWasTriedBefore) {
    const std::string tried = kStart + "int a;\n" + kMain;
    std::vector<Experiment> history(3);
    history[0].commit = "aaa";
    history[0].source_hash = normalized_source_hash(kStart + kMain);
    history[0].verdict.decision = Decision::keep;
    history[1].number = 1;
    history[1].source_hash = normalized_source_hash(tried);
    history[2].number = 2;
    history[2].source_hash = normalized_source_hash(kStart + "int b;\n" + kMain);
    history[2].verdict.ending = Ending::no_proposal;
    SourceGuard guard;
    const auto review = [&](const std::string& source) {
        Proposal proposal;
        proposal.parent = "aaa";
        proposal.source = source;
        const Status status = guard.review(proposal, history);
        EXPECT_TRUE(status.ok() || status.ending() == Ending::refused);
        return status.ok() ? "fine" : status.failure().reason;
    };
    EXPECT_EQ(review(kStart + "int  a; // the same\n" + kMain), "same source as experiment 1");
    EXPECT_EQ(review(kStart + "\n" + kMain), "same source as experiment 0 (the incumbent)");
    EXPECT_EQ(review(kStart + "int b;\n" + kMain), "fine") << "an attempt without a proposal tried nothing";
    EXPECT_EQ(review(kStart + "int c;\n" + kMain), "fine");
    EXPECT_THAT(review(""), HasSubstr("empty"));
    history[1].verdict.decision = Decision::unjudged;
    EXPECT_EQ(review(tried), "fine") << "nothing is known of it yet";
}

}  // namespace
}  // namespace autoresearch
