// bench_data TEXTS FOLDER VOCABULARY [PATTERN]: for scripts/bench.d/data and tests/peer. TEXTS: documents
// with a zero byte between them. Writes tokenizer.tiktoken, ids.bin and a shard into FOLDER, and the figures
// as JSON to stdout.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "prepare/data/packer.h"
#include "prepare/data/tokenizer.h"
#include "util/atomic_file.h"
#include "util/text.h"

using namespace autoresearch;

namespace {

constexpr int kContext = 2048;
constexpr std::size_t kSpecials = 4;

/// The better of two times: other work on the machine only ever adds.
double seconds(const auto& work) {
    double best = 1e9;
    for (int i = 0; i < 2; ++i) {
        const auto start = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
        best = std::min(best, spent.count());
    }
    return best;
}

/// Calls work(thread, i) for all i, thread by thread in turns.
void share_out(std::size_t threads, std::size_t count, const auto& work) {
    std::vector<std::thread> running;
    for (std::size_t t = 0; t < threads; ++t)
        running.emplace_back([&, t] {
            for (std::size_t i = t; i < count; i += threads) work(t, i);
        });
    for (std::thread& thread : running) thread.join();
}

std::vector<std::string> train(const std::vector<std::string_view>& texts, std::size_t ranks,
                               const std::string& pattern) {
    const std::size_t threads = std::max(1U, std::thread::hardware_concurrency());
    const Splitter splitter(pattern);
    std::vector<PieceCounts> counts(threads);
    share_out(threads, texts.size(), [&](std::size_t t, std::size_t i) {
        splitter.split(texts[i], [&](std::string_view piece) { ++counts[t][piece]; });
    });
    for (std::size_t t = 1; t < threads; ++t) add_counts(counts[t], counts[0]);
    return train_bpe(counts[0], ranks);
}

double loader_rows_per_second(const std::filesystem::path& folder, const Tokenizer& tokenizer,
                              const std::vector<std::vector<std::uint32_t>>& ids) {
    ShardWriter writer(folder / "train.bin", tokenizer.vocab_size());
    for (const auto& document : ids)
        for (std::size_t from = 0; from < document.size(); from += kContext) {
            std::vector<std::uint32_t> part{static_cast<std::uint32_t>(tokenizer.bos())};
            const std::size_t to = std::min(document.size(), from + kContext);
            part.insert(part.end(), document.begin() + static_cast<std::ptrdiff_t>(from),
                        document.begin() + static_cast<std::ptrdiff_t>(to));
            writer.append(part);
        }
    writer.finish(1);
    const Shard shard(folder / "train.bin");
    constexpr int kRows = 16, kBatches = 2000;
    Prefetcher loader(shard, kRows, kContext + 1, /*seed=*/1);
    return kRows * kBatches / seconds([&] {
               for (int i = 0; i < kBatches; ++i) loader.next();
           });
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4 && argc != 5) return 2;
    const std::string all = read_file(argv[1]), pattern = argc == 5 ? argv[4] : kSplitPattern;
    const std::filesystem::path folder = argv[2];
    std::vector<std::string_view> texts;
    for (std::size_t from = 0, to = 0; from < all.size(); from = to + 1) {
        to = std::min(all.find('\0', from), all.size());
        texts.push_back(std::string_view(all).substr(from, to - from));
    }
    std::vector<std::string> ranks;
    const double training = seconds([&] { ranks = train(texts, std::stoul(argv[3]) - kSpecials, pattern); });
    const Tokenizer tokenizer(ranks, pattern);
    std::vector<std::vector<std::uint32_t>> ids(texts.size());
    double megabytes_per_second[2];
    for (const std::size_t threads : {1, 2}) {
        const double spent = seconds([&] {
            std::vector<Encoder> encoders(threads, Encoder(tokenizer));
            share_out(threads, texts.size(),
                      [&](std::size_t t, std::size_t i) { ids[i] = encoders[t].encode(texts[i]); });
        });
        megabytes_per_second[threads - 1] = static_cast<double>(all.size()) / 1e6 / spent;
    }
    write_file(folder / "tokenizer.tiktoken", tokenizer.tiktoken_text());
    std::ofstream out(folder / "ids.bin", std::ios::binary);
    for (const auto& document : ids)
        out.write(reinterpret_cast<const char*>(document.data()),
                  static_cast<std::streamsize>(document.size() * sizeof(std::uint32_t)));
    const double rows = loader_rows_per_second(folder, tokenizer, ids);
    std::printf("{\"training\": %g, \"encode1\": %g, \"encode2\": %g, \"rows\": %g}\n", training,
                megabytes_per_second[0], megabytes_per_second[1], rows);
}
