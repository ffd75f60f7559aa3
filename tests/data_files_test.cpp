#include <gtest/gtest.h>

#include <cstring>

#include "autoresearch/error.h"
#include "prepare/data/files.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

constexpr std::uint64_t kFingerprint = 0x1234;

class ShardTest : public ::testing::Test {
  protected:
    std::filesystem::path write_shard(const std::string& name, int vocab_size,
                                      std::uint64_t fingerprint = kFingerprint) {
        ShardWriter writer(folder_ / name, vocab_size);
        for (const auto& document : documents_) writer.append(document);
        EXPECT_EQ(writer.num_tokens(), 7);
        writer.finish(fingerprint);
        return folder_ / name;
    }

    /// What is wrong with a file of these bytes; "" when nothing is.
    std::string complaint(const std::string& bytes) {
        folder_.write("bad.bin", bytes);
        try {
            const Shard shard(folder_ / "bad.bin");
            shard.verify();
            return "";
        } catch (const UserError& error) {
            return error.what();
        }
    }

    const std::vector<std::vector<std::uint32_t>> documents_ = {{1, 2, 3, 300}, {1}, {1, 9}};
    TempDirectory folder_;
};

TEST_F(ShardTest, ReadsWhatWasWritten) {
    for (const int vocab_size : {65535, 65536}) {
        const auto file = write_shard("shard.bin", vocab_size);
        const Shard shard(file);
        EXPECT_EQ(std::filesystem::file_size(file), 64U + (vocab_size == 65535 ? 16 : 32) + 32);
        EXPECT_EQ(shard.num_documents(), 3);
        EXPECT_EQ(shard.num_tokens(), 7);
        EXPECT_EQ(shard.fingerprint(), kFingerprint);
        for (std::size_t i = 0; i < documents_.size(); ++i) {
            std::vector<std::int64_t> ids(documents_[i].size());
            ASSERT_EQ(shard.length(static_cast<std::int64_t>(i)), static_cast<std::int64_t>(ids.size()));
            shard.copy(static_cast<std::int64_t>(i), static_cast<std::int64_t>(ids.size()), ids.data());
            EXPECT_EQ(std::vector<std::uint32_t>(ids.begin(), ids.end()), documents_[i]);
        }
        shard.verify();
    }
}

TEST_F(ShardTest, KeepsLargeIdsWhenTheyNeedFourBytes) {
    ShardWriter writer(folder_ / "wide.bin", 200000);
    writer.append(std::vector<std::uint32_t>{1, 199999});
    writer.finish(kFingerprint);
    std::int64_t ids[2];
    Shard(folder_ / "wide.bin").copy(0, 2, ids);
    EXPECT_EQ(ids[1], 199999);
}

TEST_F(ShardTest, NoticesEveryCut) {
    const std::string good = read_text(write_shard("good.bin", 1000));
    ASSERT_EQ(complaint(good), "");
    for (std::size_t length = 0; length < good.size(); ++length)
        ASSERT_NE(complaint(good.substr(0, length)).find("damaged shard"), std::string::npos)
            << "cut at " << length;
    EXPECT_NE(complaint(good + "x"), "");
}

TEST_F(ShardTest, NoticesEveryChangedByte) {
    const std::string good = read_text(write_shard("good.bin", 1000));
    const std::size_t padding_begin = 64 + 14, padding_end = 64 + 16;
    for (std::size_t i = 0; i < good.size(); ++i) {
        if (i >= padding_begin && i < padding_end) continue;
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 0x10);
        ASSERT_NE(complaint(bad), "") << "byte " << i;
    }
}

/// Such as a writer with a fault would give.
TEST_F(ShardTest, NoticesNumbersThatCannotBeUnderDigestsThatFit) {
    const std::string good = read_text(write_shard("good.bin", 1000));
    const auto with = [&](std::size_t at, std::uint64_t number) {
        std::string bad = good;
        std::memcpy(bad.data() + at, &number, sizeof number);
        const std::uint64_t offsets = xxh64(bad.substr(bad.size() - 32));
        std::memcpy(bad.data() + 48, &offsets, sizeof offsets);
        const std::uint64_t header = xxh64(bad.substr(0, 56));
        std::memcpy(bad.data() + 56, &header, sizeof header);
        return complaint(bad);
    };
    const std::size_t first_offset = good.size() - 32;
    ASSERT_EQ(with(first_offset, 0), "");
    EXPECT_NE(with(8, 1 | std::uint64_t{3} << 32).find("cannot be"), std::string::npos);  // bytes of a token
    EXPECT_NE(with(8, 1).find("cannot be"), std::string::npos);
    EXPECT_NE(with(16, ~std::uint64_t{0}).find("cannot be"), std::string::npos);       // documents
    EXPECT_NE(with(24, std::uint64_t{1} << 63).find("cannot be"), std::string::npos);  // tokens
    for (const std::uint64_t offset : {std::uint64_t{4}, std::uint64_t{6}, ~std::uint64_t{0}})
        EXPECT_NE(with(first_offset + 16, offset), "") << offset;
    EXPECT_NE(with(first_offset, 1), "");
    EXPECT_NE(with(first_offset + 24, 8), "");
}

TEST_F(ShardTest, NamesTheDamage) {
    std::string bytes = read_text(write_shard("good.bin", 1000));
    bytes[8] = 7;
    EXPECT_NE(complaint(bytes).find("does not begin like a shard of version 1"), std::string::npos);
    EXPECT_THROW(Shard(folder_ / "missing.bin"), std::system_error);
    EXPECT_THROW(Shard(folder_.path()), std::system_error);
}

TEST_F(ShardTest, IsNoShardBeforeItIsFinished) {
    ShardWriter writer(folder_ / "half.bin", 1000);
    writer.append(std::vector<std::uint32_t>(2'000'000, 1));
    EXPECT_THROW(Shard(folder_ / "half.bin"), UserError);
}

TEST_F(ShardTest, MovesWithoutLosingTheMap) {
    Shard first(write_shard("good.bin", 1000));
    const Shard second(std::move(first));
    std::int64_t id = 0;
    second.copy(2, 1, &id);
    EXPECT_EQ(id, 1);
    second.verify();
}

class MetaTest : public ShardTest {
  protected:
    void SetUp() override {
        for (const char* name : {kTrainFile, kValFile, kTestFile}) write_shard(name, 1000);
        folder_.write(kTokenizerFile, "tokens");
        meta_.fingerprint = hex(kFingerprint);
        meta_.corpus = "some \"corpus\"\xFF";
        meta_.vocab_size = 1000;
        meta_.bos = 996;
        meta_.seq_len = 3;
        meta_.eval_tokens = 6;
        meta_.train_tokens = meta_.val_tokens = meta_.test_tokens = 7;
        meta_.tokenizer_digest = xxh64("tokens");
        write_meta(meta_, folder_.path());
    }

    std::string complaint_of_meta() {
        try {
            read_meta(folder_.path());
            return "";
        } catch (const std::exception& error) {
            return error.what();
        }
    }

    DataMeta meta_;
};

TEST_F(MetaTest, ReadsWhatWasWritten) {
    const DataMeta read = read_meta(folder_.path());
    EXPECT_EQ(read.fingerprint, meta_.fingerprint);
    EXPECT_EQ(read.vocab_size, 1000);
    EXPECT_EQ(read.bos, 996);
    EXPECT_EQ(read.eval_tokens, 6);
    EXPECT_EQ(read.tokenizer_digest, meta_.tokenizer_digest);
}

TEST_F(MetaTest, ItsNumbersAreWholeAndFit) {
    const std::string good = read_text(folder_ / kMetaFile);
    for (const char* number : {"1e300", "0.5", "4294967304", "true"}) {
        std::string bad = good;
        const auto at = bad.find("\"bos\": ") + 7;
        folder_.write(kMetaFile, bad.replace(at, 3, number));
        EXPECT_NE(complaint_of_meta().find("damaged data set"), std::string::npos) << number;
    }
}

TEST_F(MetaTest, NoticesThatItsFileIsCut) {
    const std::string good = read_text(folder_ / kMetaFile);
    for (std::size_t length = 0; length + 1 < good.size(); length += 7) {
        folder_.write(kMetaFile, good.substr(0, length));
        ASSERT_NE(complaint_of_meta(), "") << "cut at " << length;
    }
}

TEST_F(MetaTest, NoticesWhatDoesNotFit) {
    write_shard(kValFile, 1000, 0x9999);
    EXPECT_NE(complaint_of_meta().find("not part of this data set"), std::string::npos);
    std::filesystem::remove(folder_ / kValFile);
    EXPECT_NE(complaint_of_meta().find(kValFile), std::string::npos);
    write_shard(kValFile, 1000);
    EXPECT_EQ(complaint_of_meta(), "");
    folder_.write(kTokenizerFile, "tokeny");
    EXPECT_NE(complaint_of_meta().find("damaged tokenizer"), std::string::npos);
    folder_.write(kTokenizerFile, "tokens");
    meta_.test_tokens = 8;
    write_meta(meta_, folder_.path());
    EXPECT_NE(complaint_of_meta().find("not part of this data set"), std::string::npos);
    meta_.format = 2;
    write_meta(meta_, folder_.path());
    EXPECT_NE(complaint_of_meta().find("another format"), std::string::npos);
    std::filesystem::remove(folder_ / kMetaFile);
    EXPECT_NE(complaint_of_meta().find("No such file"), std::string::npos);
}

}  // namespace
}  // namespace autoresearch
