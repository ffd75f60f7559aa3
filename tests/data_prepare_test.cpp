#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <thread>

#include "autoresearch/error.h"
#include "prepare/corpus/prepare.h"
#include "prepare/data/files.h"
#include "prepare/data/packer.h"
#include "prepare/data/tokenizer.h"
#include "temp_directory.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// Every file of the folder by name.
std::map<std::string, std::string> content_of(const fs::path& folder) {
    std::map<std::string, std::string> content;
    for (const auto& entry : fs::directory_iterator(folder))
        content[entry.path().filename().string()] = read_text(entry.path());
    return content;
}

class PrepareTest : public ::testing::Test {
  protected:
    PrepareTest() {
        for (int i = 0; i < 200; ++i) documents_.push_back(random_text(i));
        write_corpus();
        options_.request = {
            .corpus = (folder_ / "corpus").string(), .vocab_size = 300, .seq_len = 32, .eval_tokens = 0};
        options_.data_root = folder_ / "data";
        options_.threads = 2;
    }

    static std::string random_text(int number) {
        std::mt19937 random(static_cast<unsigned>(number));
        std::string text = "Text " + std::to_string(number) + ":";
        for (std::size_t words = random() % 120; words > 0; --words)
            text += std::string(" ") +
                    std::vector<const char*>{"tree", "house", "straße", "дом", "\n"}[random() % 5];
        return text;
    }

    void write_corpus() {
        std::string lines;
        for (const std::string& document : documents_)
            lines += nlohmann::json{{"text", document}}.dump() + "\n";
        folder_.write("corpus/all.jsonl", lines);
    }

    /// Message and hint of the error, and that it left nothing behind.
    std::string complaint() {
        try {
            prepare_data(options_);
            return "";
        } catch (const UserError& error) {
            EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
            EXPECT_EQ(things_in_root(), 0);
            return std::string(error.what()) + " | " + error.hint();
        }
    }

    /// Data sets and half-made ones; locks and the index do not count.
    int things_in_root() const {
        int count = 0;
        if (!fs::exists(options_.data_root)) return 0;
        for (const auto& entry : fs::directory_iterator(options_.data_root)) {
            const std::string name = entry.path().filename().string();
            if (name != ".lock" && name != ".requests" && name != ".downloads") ++count;
        }
        return count;
    }

    std::string text_of(const PreparedData& data, const char* split) const {
        const Tokenizer tokenizer = Tokenizer::load(data.directory / kTokenizerFile, kSplitPattern);
        const Shard shard(data.directory / split);
        std::string text;
        for (std::int64_t i = 0; i < shard.num_documents(); ++i) {
            std::vector<std::int64_t> ids(static_cast<std::size_t>(shard.length(i)));
            shard.copy(i, shard.length(i), ids.data());
            EXPECT_EQ(ids.front(), tokenizer.bos());
            EXPECT_LE(ids.size(), 33U) << "longer than a row";
            text += tokenizer.decode({ids.begin() + 1, ids.end()});
        }
        return text;
    }

    TempDirectory folder_;
    std::vector<std::string> documents_;
    PrepareOptions options_;
};

TEST_F(PrepareTest, EveryDocumentIsInExactlyOneSplit) {
    const PreparedData data = prepare_data(options_);
    EXPECT_FALSE(data.was_ready);
    const DataMeta& meta = data.meta;
    EXPECT_EQ(meta.vocab_size, 300);
    EXPECT_EQ(meta.bos, 296);
    EXPECT_EQ(meta.train_documents + meta.val_documents + meta.test_documents, 200);
    EXPECT_GT(meta.val_documents, 2);
    EXPECT_GT(meta.test_documents, 2);
    const std::string train = text_of(data, kTrainFile), val = text_of(data, kValFile),
                      test = text_of(data, kTestFile);
    std::size_t bytes = 0;
    for (const std::string& text : documents_) {
        bytes += text.size();
        const auto in = [&](const std::string& split) {
            return split.find(text) != std::string::npos ? 1 : 0;
        };
        EXPECT_EQ(in(train) + in(val) + in(test), 1) << text;
    }
    EXPECT_EQ(train.size() + val.size() + test.size(), bytes);
}

TEST_F(PrepareTest, EvaluationIsWholeRowsOfTheValidationSplit) {
    const PreparedData all = prepare_data(options_);
    EXPECT_EQ(all.meta.eval_tokens, 32 * rows_of_one_epoch(Shard(all.directory / kValFile), 33));
    EXPECT_GT(all.meta.eval_tokens, all.meta.val_tokens * 3 / 4);
    options_.request.eval_tokens = 100;
    EXPECT_EQ(prepare_data(options_).meta.eval_tokens, 96);
    options_.request.eval_tokens = 1'000'000'000;
    EXPECT_EQ(prepare_data(options_).meta.eval_tokens, all.meta.eval_tokens);
}

TEST_F(PrepareTest, TheSecondCallFindsTheFirst) {
    EXPECT_FALSE(find_prepared(options_.request, options_.data_root));
    const PreparedData first = prepare_data(options_);
    const PreparedData second = prepare_data(options_);
    EXPECT_TRUE(second.was_ready);
    EXPECT_EQ(second.directory, first.directory);
    EXPECT_LT(second.seconds, 1);
    const auto found = find_prepared(options_.request, options_.data_root);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->meta.fingerprint, first.meta.fingerprint);
    options_.request.seq_len = 33;
    EXPECT_FALSE(find_prepared(options_.request, options_.data_root));
}

TEST_F(PrepareTest, TheFingerprintFollowsContentAndRequest) {
    const std::string original = prepare_data(options_).meta.fingerprint;
    const auto fingerprint = [&] { return prepare_data(options_).meta.fingerprint; };
    PrepareOptions saved = options_;
    options_.request.vocab_size = 301;
    EXPECT_NE(fingerprint(), original);
    options_ = saved;
    options_.request.seq_len = 31;
    EXPECT_NE(fingerprint(), original);
    options_ = saved;
    options_.request.eval_tokens = 64;
    EXPECT_NE(fingerprint(), original);
    options_ = saved;
    options_.request.split_pattern = R"( ?\S+|\s+)";
    EXPECT_EQ(prepare_data(options_).meta.split_pattern, R"( ?\S+|\s+)");
    EXPECT_NE(fingerprint(), original);
    options_.request.split_pattern = "(";
    EXPECT_THROW(prepare_data(options_), UserError);
    options_ = saved;
    options_.threads = 1;
    options_.data_root = folder_ / "elsewhere";
    EXPECT_EQ(fingerprint(), original);
    fs::rename(folder_ / "corpus", folder_ / "moved");
    options_.request.corpus = (folder_ / "moved").string();
    EXPECT_EQ(fingerprint(), original);
    fs::rename(folder_ / "moved/all.jsonl", folder_ / "moved/other.jsonl");
    EXPECT_EQ(fingerprint(), original);
    documents_[7] += '!';
    write_corpus();
    options_.request.corpus = (folder_ / "corpus").string();
    EXPECT_NE(fingerprint(), original);
}

TEST_F(PrepareTest, AChangedCorpusIsPreparedAnew) {
    const PreparedData first = prepare_data(options_);
    documents_[7] += '!';
    write_corpus();
    const PreparedData second = prepare_data(options_);
    EXPECT_FALSE(second.was_ready);
    EXPECT_NE(second.directory, first.directory);
    EXPECT_EQ(find_prepared(options_.request, options_.data_root)->directory, second.directory);
    EXPECT_TRUE(prepare_data(options_).was_ready);
}

TEST_F(PrepareTest, ADamagedDataSetIsReplaced) {
    const PreparedData first = prepare_data(options_);
    const auto content = content_of(first.directory);
    fs::resize_file(first.directory / kTrainFile, 100);
    EXPECT_THROW(find_prepared(options_.request, options_.data_root), UserError);
    const PreparedData second = prepare_data(options_);
    EXPECT_FALSE(second.was_ready);
    EXPECT_NE(second.replaced.find("damaged shard " + (first.directory / kTrainFile).string()),
              std::string::npos);
    EXPECT_EQ(content_of(first.directory), content);
    std::string tokens = content.at(kTrainFile);
    tokens[100] ^= 1;
    folder_.write("data/" + first.meta.fingerprint + "/" + kTrainFile, tokens);
    EXPECT_NE(prepare_data(options_).replaced.find("the tokens do not match their digest"),
              std::string::npos);
    EXPECT_EQ(content_of(first.directory), content);
    EXPECT_EQ(things_in_root(), 1);
}

TEST_F(PrepareTest, DuplicatesOfHeldOutDocumentsAreDroppedAndCounted) {
    const DataMeta before = prepare_data(options_).meta;
    for (std::size_t i = 0; i < 200; ++i) documents_.push_back(documents_[i]);
    write_corpus();
    const DataMeta after = prepare_data(options_).meta;
    EXPECT_EQ(after.dropped_duplicates, before.val_documents + before.test_documents);
    EXPECT_EQ(after.val_documents, before.val_documents);
    EXPECT_EQ(after.test_documents, before.test_documents);
    EXPECT_EQ(after.train_documents, 2 * before.train_documents);
}

TEST_F(PrepareTest, KilledAtAnyMomentItEndsWithTheSameBytes) {
    const auto expected = content_of(prepare_data(options_).directory);
    int moments = 0;
    options_.data_root = folder_ / "count";
    options_.progress = [&](const std::string&, double) { ++moments; };
    prepare_data(options_);
    ASSERT_GE(moments, 6);
    options_.data_root = folder_ / "killed";
    for (int moment = 0; moment < moments; ++moment) {
        int left = moment;
        options_.progress = [&](const std::string&, double) {
            if (left-- == 0) raise(SIGKILL);
        };
        EXPECT_EXIT(prepare_data(options_), ::testing::KilledBySignal(SIGKILL), "");
        EXPECT_FALSE(find_prepared(options_.request, options_.data_root)) << "moment " << moment;
    }
    options_.progress = [](const std::string&, double) {};
    const PreparedData data = prepare_data(options_);
    EXPECT_EQ(content_of(data.directory), expected);
    EXPECT_EQ(things_in_root(), 1) << "leftovers of the killed";
}

TEST_F(PrepareTest, TwoAtOnceDoNotHarmEachOther) {
    std::vector<PreparedData> results(4);
    std::vector<std::thread> threads;
    for (PreparedData& result : results) threads.emplace_back([&] { result = prepare_data(options_); });
    for (std::thread& thread : threads) thread.join();
    for (const PreparedData& result : results) EXPECT_EQ(result.directory, results[0].directory);
    EXPECT_EQ(things_in_root(), 1);
    EXPECT_TRUE(prepare_data(options_).was_ready);
}

TEST_F(PrepareTest, WaitsForAnotherAndMayBeStopped) {
    const Fd other = wait_for_lock(options_.data_root / ".lock", [] {});
    folder_.write("data/.building/half", "made by the other");
    options_.progress = [&](const std::string& phase, double) {
        EXPECT_EQ(phase, "waiting for another prepare");
        throw std::runtime_error("stopped");
    };
    EXPECT_THROW(prepare_data(options_), std::runtime_error);
    EXPECT_TRUE(fs::exists(options_.data_root / ".building/half"));
}

TEST_F(PrepareTest, HeldOutFilesAreForValidationAndTestOnly) {
    folder_.write("corpora.json", R"({"mine": {"train": ["corpus"], "held_out": ["last.jsonl"]}})");
    std::string lines;
    for (int i = 150; i < 300; ++i) lines += nlohmann::json{{"text", random_text(i)}}.dump() + "\n";
    folder_.write("last.jsonl", lines);
    options_.corpora = folder_ / "corpora.json";
    options_.request.corpus = "mine";
    const PreparedData data = prepare_data(options_);
    EXPECT_EQ(data.meta.val_documents + data.meta.test_documents, 150);
    EXPECT_EQ(data.meta.train_documents, 150);
    EXPECT_EQ(data.meta.dropped_duplicates, 50) << "those that are in both";
    EXPECT_GT(data.meta.val_documents, 50);
    EXPECT_GT(data.meta.test_documents, 50);
    const std::string train = text_of(data, kTrainFile), val = text_of(data, kValFile);
    EXPECT_NE(train.find(random_text(149)), std::string::npos);
    EXPECT_EQ(train.find("Text 150:"), std::string::npos);
    EXPECT_EQ(val.find("Text 149:"), std::string::npos);
}

TEST_F(PrepareTest, AnExceptionFromProgressStopsItCleanly) {
    for (const std::string phase : {"reading", "tokenizer", "encoding", "writing"}) {
        options_.progress = [&](const std::string& now, double) {
            if (now == phase) throw UserError("stopped");
        };
        EXPECT_EQ(complaint(), "stopped | ") << phase;
    }
}

TEST_F(PrepareTest, ACorpusThatChangesWhileItIsReadIsRefused) {
    options_.progress = [&](const std::string& phase, double) {
        if (phase != "tokenizer") return;
        documents_[3] = "something else";
        write_corpus();
    };
    EXPECT_NE(complaint().find("changed while it was read"), std::string::npos);
}

TEST_F(PrepareTest, RefusesWhatCannotWork) {
    const PrepareOptions good = options_;
    options_.request.vocab_size = 5000;
    EXPECT_NE(complaint().find("larger than the data supports"), std::string::npos);
    options_ = good;
    options_.request.seq_len = 100000;
    EXPECT_NE(complaint().find("does not fill a row"), std::string::npos);
    options_ = good;
    options_.request.corpus = folder_.write("one.txt", "One text.").string();
    EXPECT_NE(complaint().find("has 1 document"), std::string::npos);
    options_ = good;
    options_.data_root = folder_.write("file", "x") / "data";
    EXPECT_NE(complaint().find("Not a directory"), std::string::npos);
}

TEST_F(PrepareTest, AFullDiskIsNamed) {
    if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
    for (const char* file : {kTrainFile, kValFile}) {
        options_.progress = [&](const std::string& phase, double) {
            std::error_code there_already;
            if (phase == "tokenizer")
                fs::create_symlink("/dev/full", options_.data_root / ".building" / file, there_already);
        };
        const std::string message = complaint();
        EXPECT_NE(message.find("No space left"), std::string::npos) << message;
        EXPECT_NE(message.find(file), std::string::npos) << message;
        EXPECT_NE(message.find("| free some space"), std::string::npos) << message;
    }
}

TEST_F(PrepareTest, AnUnreadableFileIsNamed) {
    fs::permissions(folder_ / "corpus/all.jsonl", fs::perms::none);
    fs::permissions(folder_.path(), fs::perms::all);
    const auto as_anybody = [&] {
        if (::getuid() == 0 && ::setuid(65534) != 0) std::exit(3);
        try {
            prepare_data(options_);
        } catch (const UserError& error) {
            std::fprintf(stderr, "%s | %s", error.what(), error.hint().c_str());
            std::exit(2);
        }
        std::exit(0);
    };
    EXPECT_EXIT(as_anybody(), ::testing::ExitedWithCode(2),
                "cannot read .*all.jsonl: Permission denied .* check its permissions");
}

TEST_F(PrepareTest, WhatWasSkippedIsInMeta) {
    const std::string before = prepare_data(options_).meta.fingerprint;
    folder_.write("corpus/more.jsonl", "{\"text\":null}\nno JSON\n");
    folder_.write("corpus/image.png", "");
    const PreparedData data = prepare_data(options_);
    const std::map<std::string, std::int64_t> skipped = {{"empty", 1}, {"not_json", 1}, {"other_files", 1}};
    EXPECT_EQ(data.meta.skipped, skipped);
    EXPECT_EQ(data.meta.fingerprint, before) << "the texts are the same";
    auto meta = nlohmann::json::parse(read_text(data.directory / kMetaFile));
    EXPECT_EQ(meta["skipped"], nlohmann::json(skipped));
    EXPECT_EQ(prepare_data(options_).meta.skipped, skipped) << "of what is ready";
    meta.erase("skipped");  // as of an earlier version
    folder_.write("data/" + before + "/" + kMetaFile, meta.dump());
    EXPECT_TRUE(prepare_data(options_).was_ready);
    meta["skipped"] = {{"empty", "many"}};
    folder_.write("data/" + before + "/" + kMetaFile, meta.dump());
    EXPECT_FALSE(prepare_data(options_).was_ready);
}

TEST_F(PrepareTest, OneTextIsSplitByItself) {
    std::string book;
    for (int i = 0; book.size() < 1'000'000; ++i) book += random_text(i) + "\n";
    for (const auto& [name, bytes] :
         {std::pair("book.txt", 1'000'000), std::pair("enwik", 1'000'000), std::pair("short.txt", 100'000)}) {
        options_.request.corpus = folder_.write(name, book.substr(0, bytes)).string();
        const PreparedData data = prepare_data(options_);
        EXPECT_GT(data.meta.val_documents, 0);
        EXPECT_GT(data.meta.train_documents, 100);
        ASSERT_EQ(data.notes.size(), 1U);
        EXPECT_NE(data.notes[0].find("--separator"), std::string::npos);
    }
    options_.data_root = folder_ / "empty";
    options_.request.corpus = folder_.write("lines.txt", read_text(folder_ / "corpus/all.jsonl")).string();
    EXPECT_NE(complaint().find("lines.txt looks like JSON lines"), std::string::npos);
    options_.request.corpus = (folder_ / "book.txt").string();
    options_.request.separator = "Text 1:";  // which is there once
    EXPECT_NE(complaint().find("has 2 documents, split into 2, 0 and 0 (copies stay together)"),
              std::string::npos);
}

TEST_F(PrepareTest, FilesHaveTheRightsThatUmaskLeaves) {
    for (const mode_t mask : {0002, 0027, 0077}) {
        options_.data_root = folder_ / ("data" + std::to_string(mask));
        const mode_t before = ::umask(mask);
        const fs::path directory = prepare_data(options_).directory;
        ::umask(before);
        for (const auto& entry : fs::recursive_directory_iterator(options_.data_root))
            if (entry.is_regular_file()) {
                EXPECT_EQ(entry.status().permissions(), fs::perms(0666 & ~mask)) << entry.path();
            }
    }
}

/// Ends the process: 0 prepared, 10 was ready, 2 refused.
[[noreturn]] void prepare_as(uid_t user, const PrepareOptions& options) {
    ::umask(0022);
    if (::setuid(user) != 0) std::exit(3);
    try {
        std::exit(prepare_data(options).was_ready ? 10 : 0);
    } catch (const UserError& error) {
        std::fprintf(stderr, "%s | %s", error.what(), error.hint().c_str());
        std::exit(2);
    }
}

TEST_F(PrepareTest, UsersShareADataFolder) {
    if (::getuid() != 0) GTEST_SKIP() << "only root can be two users";
    fs::permissions(folder_.path(), fs::perms(0755));
    for (const mode_t mode : {02777, 01777}) {
        options_.data_root = folder_ / ("data" + std::to_string(mode));
        fs::create_directory(options_.data_root);
        fs::permissions(options_.data_root, fs::perms(mode));
        const DataRequest request = options_.request;
        EXPECT_EXIT(prepare_as(65533, options_), ::testing::ExitedWithCode(0), "");
        EXPECT_EXIT(prepare_as(65534, options_), ::testing::ExitedWithCode(10), "");
        options_.request.seq_len = 31;  // other data
        EXPECT_EXIT(prepare_as(65534, options_), ::testing::ExitedWithCode(0), "");
        EXPECT_EXIT(prepare_as(65533, options_), ::testing::ExitedWithCode(10), "");
        options_.request.corpus = folder_ / "corpus/*.jsonl";  // the same texts by another name
        EXPECT_EXIT(prepare_as(65533, options_), ::testing::ExitedWithCode(0), "");
        options_.request = request;
    }
}

TEST_F(PrepareTest, WhatIsReadyIsUsedWithoutWriting) {
    prepare_data(options_);
    const Fd held = wait_for_lock(options_.data_root / ".lock", [] {});
    EXPECT_TRUE(prepare_data(options_).was_ready) << "it waits for no lock";
    if (::getuid() != 0) return;
    fs::permissions(folder_.path(), fs::perms(0755));
    EXPECT_EXIT(prepare_as(65534, options_), ::testing::ExitedWithCode(10), "");
    options_.request.seq_len = 31;
    fs::remove(options_.data_root / ".lock");
    EXPECT_EXIT(prepare_as(65534, options_), ::testing::ExitedWithCode(2),
                "Permission denied .* AUTORESEARCH_DATA may name a data folder of your own");
}

#ifdef __linux__
/// From now on flock(2) fails with this error in this process.
void refuse_flock(unsigned error) {
    sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_flock, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog program = {std::size(code), code};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        std::exit(9);
}

TEST_F(PrepareTest, WhereNothingCanBeLockedItSaysWhereToPutTheData) {
    for (const unsigned error : {ENOSYS, ENOLCK, EOPNOTSUPP}) {
        const auto try_it = [&] {
            refuse_flock(error);
            prepare_as(::getuid(), options_);
        };
        EXPECT_EXIT(try_it(), ::testing::ExitedWithCode(2),
                    "cannot lock .*set AUTORESEARCH_DATA to a folder on a local disk");
        if (error == EOPNOTSUPP) prepare_data(options_);
    }
    const auto ready = [&] {
        refuse_flock(ENOSYS);
        prepare_as(::getuid(), options_);
    };
    EXPECT_EXIT(ready(), ::testing::ExitedWithCode(10), "");
}
#endif

TEST_F(PrepareTest, TheLargestVocabularyItNamesWorks) {
    options_.request.vocab_size = 5000;
    const std::string message = complaint();
    const std::size_t at = message.find("use --vocab-size ") + 17;
    options_.request.vocab_size = std::stoi(message.substr(at));
    EXPECT_EQ(prepare_data(options_).meta.vocab_size, options_.request.vocab_size);
}

}  // namespace
}  // namespace autoresearch
