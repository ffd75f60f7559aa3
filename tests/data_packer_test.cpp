#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "autoresearch/error.h"
#include "prepare/data/packer.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

using Documents = std::vector<std::vector<std::uint32_t>>;
using Row = std::vector<std::int64_t>;
constexpr std::uint32_t kBos = 0;

/// BOS, then 1000 times the document's number plus the position: every token tells where it came from.
Documents counting_documents(const std::vector<int>& lengths) {
    Documents documents;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        documents.push_back({kBos});
        for (int position = 1; position < lengths[i]; ++position)
            documents.back().push_back(static_cast<std::uint32_t>((i + 1) * 1000) +
                                       static_cast<std::uint32_t>(position));
    }
    return documents;
}

std::vector<int> random_lengths(std::size_t count, int most, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<int> lengths;
    for (std::size_t i = 0; i < count; ++i)
        lengths.push_back(1 + static_cast<int>(random() % static_cast<unsigned>(most)));
    return lengths;
}

class PackerTest : public ::testing::Test {
  protected:
    Shard shard_of(const Documents& documents) {
        const auto file = folder_ / "shard.bin";
        ShardWriter writer(file, 1 << 20);
        for (const auto& document : documents) writer.append(document);
        writer.finish(1);
        return Shard(file);
    }

    static std::vector<Row> rows_of(Packer& packer, int count, int row_tokens) {
        std::vector<Row> rows;
        for (int i = 0; i < count; ++i) {
            Row row(static_cast<std::size_t>(row_tokens), -1);
            packer.next(1, row.data());
            rows.push_back(row);
        }
        return rows;
    }

    TempDirectory folder_;
};

/// The definition in the words of packer.h, documents in the order given, epoch after epoch.
std::vector<Row> plainly_packed(const Documents& documents, int count, std::size_t row_tokens,
                                std::size_t buffer_size) {
    std::vector<Row> rows(static_cast<std::size_t>(count));
    Documents buffer;
    std::size_t entered = 0;
    for (Row& row : rows)
        while (row.size() < row_tokens) {
            if (buffer.empty() && entered == documents.size()) entered = 0;
            while (buffer.size() < buffer_size && entered < documents.size())
                buffer.push_back(documents[entered++]);
            const std::size_t room = row_tokens - row.size();
            std::size_t best = buffer.size(), shortest = 0;
            for (std::size_t i = 0; i < buffer.size(); ++i) {
                if (buffer[i].size() <= room &&
                    (best == buffer.size() || buffer[i].size() > buffer[best].size()))
                    best = i;
                if (buffer[i].size() < buffer[shortest].size()) shortest = i;
            }
            const auto chosen =
                buffer.begin() + static_cast<std::ptrdiff_t>(best < buffer.size() ? best : shortest);
            row.insert(row.end(), chosen->begin(),
                       chosen->begin() + static_cast<std::ptrdiff_t>(std::min(room, chosen->size())));
            buffer.erase(chosen);
        }
    return rows;
}

TEST_F(PackerTest, PacksAsThePlainDefinition) {
    for (unsigned round = 0; round < 12; ++round) {
        const int row_tokens = std::vector<int>{8, 33, 65}[round % 3];
        const std::size_t buffer = std::vector<std::size_t>{1, 7, 50, 1000}[round % 4];
        const Documents documents = counting_documents(random_lengths(150, round % 2 == 0 ? 30 : 90, round));
        const Shard shard = shard_of(documents);
        Packer packer(shard, row_tokens, 0, static_cast<int>(buffer));
        ASSERT_EQ(rows_of(packer, 300, row_tokens),
                  plainly_packed(documents, 300, static_cast<std::size_t>(row_tokens), buffer))
            << "round " << round;
    }
}

TEST_F(PackerTest, EveryRowStartsWithBosAndIsFull) {
    const Shard shard = shard_of(counting_documents(random_lengths(80, 60, 1)));
    Packer packer(shard, 32, 5);
    for (const Row& row : rows_of(packer, 500, 32)) {
        EXPECT_EQ(row.front(), kBos);
        for (std::size_t i = 1; i < row.size(); ++i)
            ASSERT_TRUE(row[i] == kBos || row[i - 1] == kBos || row[i] == row[i - 1] + 1) << "torn document";
    }
}

TEST_F(PackerTest, AnEpochSeesEveryDocumentOnceWhateverTheSeed) {
    const Shard shard =
        shard_of(counting_documents(std::vector<int>(40, 4)));  // 8 documents a row: nothing is cropped
    for (const std::uint64_t seed : {0U, 1U, 2U}) {
        Packer packer(shard, 32, seed);
        for (int epoch = 1; epoch <= 3; ++epoch) {
            std::set<std::int64_t> seen;
            for (const Row& row : rows_of(packer, 5, 32))
                for (std::size_t i = 1; i < row.size(); i += 4) EXPECT_TRUE(seen.insert(row[i]).second);
            EXPECT_EQ(seen.size(), 40U);
            EXPECT_EQ(packer.epoch(), epoch);
        }
    }
}

TEST_F(PackerTest, TheSeedDecidesTheOrder) {
    const Shard shard = shard_of(counting_documents(random_lengths(200, 20, 2)));
    Packer one(shard, 32, 1), again(shard, 32, 1), two(shard, 32, 2);
    const auto rows = rows_of(one, 50, 32);
    EXPECT_EQ(rows, rows_of(again, 50, 32));
    EXPECT_NE(rows, rows_of(two, 50, 32));
    EXPECT_NE(rows, rows_of(one, 50, 32)) << "the second epoch must be shuffled anew";
}

TEST_F(PackerTest, TheShuffleIsTheSameOnEveryPlatform) {
    const Shard shard = shard_of(counting_documents(std::vector<int>(8, 2)));
    Packer packer(shard, 16, 42);
    Row order;
    const Row row = rows_of(packer, 1, 16).front();
    for (std::size_t i = 1; i < row.size(); i += 2) order.push_back(row[i] / 1000);
    EXPECT_EQ(order, (Row{2, 1, 6, 4, 5, 7, 8, 3}));
}

TEST_F(PackerTest, CountsTheRowsOfOneEpoch) {
    EXPECT_EQ(rows_of_one_epoch(shard_of(counting_documents({16, 16, 16})), 16), 3);
    EXPECT_EQ(rows_of_one_epoch(shard_of(counting_documents({16, 10, 16})), 16), 2);
    EXPECT_EQ(rows_of_one_epoch(shard_of(counting_documents({3})), 16), 0);
    EXPECT_EQ(rows_of_one_epoch(shard_of(counting_documents({40, 40})), 16), 2) << "what is cropped is gone";
}

TEST_F(PackerTest, RefusesAShardWithoutDocuments) {
    EXPECT_THROW(Packer(shard_of({}), 16, 0), UserError);
}

TEST_F(PackerTest, PrefetcherGivesThePackersRows) {
    const Shard shard = shard_of(counting_documents(random_lengths(100, 40, 3)));
    Packer packer(shard, 33, 7);
    Prefetcher prefetcher(shard, 5, 33, 7);
    Row expected(std::size_t{5} * 33);
    std::int64_t last_epoch = 0;
    for (int batch = 0; batch < 60; ++batch) {
        packer.next(5, expected.data());
        ASSERT_EQ(prefetcher.next(), expected) << "batch " << batch;
        ASSERT_EQ(prefetcher.epoch(), packer.epoch());
        last_epoch = prefetcher.epoch();
    }
    EXPECT_GT(last_epoch, 1);
}

TEST_F(PackerTest, PrefetcherMayEndWithBatchesNobodyTook) {
    const Shard shard = shard_of(counting_documents({5, 6}));
    for (int i = 0; i < 20; ++i) {
        Prefetcher prefetcher(shard, 2, 8, 1);
        if (i % 2 == 0) prefetcher.next();
    }
}

}  // namespace
}  // namespace autoresearch
