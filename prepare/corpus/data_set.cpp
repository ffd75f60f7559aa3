#include <algorithm>
#include <array>
#include <deque>
#include <future>
#include <map>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "autoresearch/error.h"
#include "prepare/corpus/corpus.h"
#include "prepare/data/files.h"
#include "prepare/data/packer.h"
#include "prepare/data/tokenizer.h"
#include "util/atomic_file.h"

namespace autoresearch {
namespace {

enum Split : std::size_t { kTrain, kVal, kTest };
constexpr std::array<const char*, 3> kShardFiles = {kTrainFile, kValFile, kTestFile};  // by Split

constexpr std::size_t kParts = 4096, kShortParts = 512;  // bytes, where whole files are too few

using Ids = std::vector<std::uint32_t>;

struct Document {
    std::string text;
    Part part;
    double share;            // of the corpus read so far, including this one
    std::uint64_t hash = 0;  // of the text
    Split split = kTrain;
    Ids ids = {};
};

/// Splits by the hash of the text, so a document stays in its split however files are named, ordered or
/// added, and exact copies share a split. 1 in 20 each for validation and test; held-out files go half to
/// each.
Split split_of(std::uint64_t document_hash, Part part) {
    if (part == Part::train) return kTrain;
    const std::uint64_t lot = document_hash % (part == Part::held_out ? 2 : 20);
    return lot == 0 ? kVal : lot == 1 ? kTest : kTrain;
}

std::size_t threads_of(const PrepareOptions& options) {
    const unsigned all = std::max(1U, std::thread::hardware_concurrency());
    return options.threads > 0 ? static_cast<std::size_t>(options.threads) : all;
}

/// Reads the corpus once. Calls work(thread, document) for each document, on all threads, and take(document)
/// for each in order, on this one. Returns a digest of the documents in order. Holds few documents at a time.
std::uint64_t read_corpus(const PrepareOptions& options, const Corpus& corpus, const char* phase,
                          const std::function<void(std::size_t thread, Document&)>& work,
                          const std::function<void(Document&)>& take, ReadReport& report) {
    constexpr std::size_t kBytes = 1 << 20, kDocuments = 1024;
    using Batch = std::vector<Document>;
    const std::size_t threads = threads_of(options);
    Digest digest;
    std::deque<std::future<Batch>> ahead;
    const auto take_first = [&] {
        Batch batch = ahead.front().get();
        ahead.pop_front();
        for (Document& document : batch) {
            digest.add(document.hash);
            take(document);
        }
        options.progress(phase, batch.back().share);
    };
    Batch batch;
    std::size_t bytes = 0, thread = 0;
    const auto send = [&] {
        if (ahead.size() == threads) take_first();  // which had the same thread number as this batch
        ahead.push_back(
            std::async(std::launch::async, [&work, thread, documents = std::move(batch)]() mutable {
                for (Document& document : documents) {
                    document.hash = xxh64(document.text);
                    document.split = split_of(document.hash, document.part);
                    work(thread, document);
                    document.text = {};
                }
                return std::move(documents);
            }));
        thread = (thread + 1) % threads;
        batch = {};
        bytes = 0;
    };
    report = read_documents(corpus, [&](std::string text, Part part, double share) {
        bytes += text.size();
        batch.push_back({std::move(text), part, share});
        if (bytes >= kBytes || batch.size() >= kDocuments) send();
    });
    if (!batch.empty()) send();
    while (!ahead.empty()) take_first();
    return digest.value();
}

void check_splits(const std::array<std::int64_t, 3>& documents, const std::string& corpus) {
    const auto [train, val, test] = documents;
    if (train > 0 && val > 0 && test > 0) return;
    const std::int64_t all = train + val + test;
    const auto number = [](std::int64_t each) { return std::to_string(each); };
    throw UserError("too few documents to split into training, validation and test: corpus " + corpus +
                        " has " + number(all) + (all == 1 ? " document" : " documents") + ", split into " +
                        number(train) + ", " + number(val) + " and " + number(test) +
                        " (copies stay together)",
                    "about 100 different documents are enough: use more text, or say where to cut it with "
                    "--separator '\\n\\n'");
}

/// The first pass. Where there are too few texts to split, it is done again with parts of them.
Tokenizer learn_tokenizer(const PrepareOptions& options, Corpus& corpus, const std::string& split_pattern,
                          std::uint64_t& corpus_digest) {
    const Splitter splitter(split_pattern);
    std::vector<PieceCounts> pieces(threads_of(options));
    std::array<std::int64_t, 3> documents{};  // by Split
    const auto count = [&](std::size_t thread, const Document& document) {
        if (document.split == kTrain)
            splitter.split(document.text, [&](std::string_view piece) { ++pieces[thread][piece]; });
    };
    ReadReport report;
    corpus_digest = read_corpus(
        options, corpus, "reading", count, [&](const Document& document) { ++documents[document.split]; },
        report);
    const bool too_few = std::count(documents.begin(), documents.end(), 0) > 0;
    if (too_few && !report.note.empty()) throw UserError(report.note);  // rather than parts of JSON
    if (too_few && corpus.separator.empty() && corpus.part_bytes != kShortParts) {
        corpus.part_bytes = corpus.part_bytes == 0 ? kParts : kShortParts;
        return learn_tokenizer(options, corpus, split_pattern, corpus_digest);
    }
    check_splits(documents, options.request.corpus);
    options.progress("tokenizer", 0);
    for (std::size_t thread = 1; thread < pieces.size(); ++thread) add_counts(pieces[thread], pieces[0]);
    const auto ranks = static_cast<std::size_t>(options.request.vocab_size - Tokenizer::kSpecials);
    std::vector<std::string> tokens =
        train_bpe(pieces[0], ranks, [&](double share) { options.progress("tokenizer", share); });
    if (tokens.size() < ranks)
        throw UserError("a vocabulary of " + std::to_string(options.request.vocab_size) +
                            " is larger than the data supports: corpus " + options.request.corpus,
                        "use --vocab-size " + std::to_string(tokens.size() + Tokenizer::kSpecials) +
                            " or less, or more text");
    return {std::move(tokens), split_pattern};
}

/// The second pass, into shards by Split. Counts documents in meta.
std::uint64_t encode_corpus(const PrepareOptions& options, const Corpus& corpus, const Tokenizer& tokenizer,
                            std::vector<ShardWriter>& shards, DataMeta& meta, std::string& note) {
    const auto append = [&](Split split, std::span<const std::uint32_t> ids) {
        const auto row = static_cast<std::size_t>(options.request.seq_len);
        do {
            const std::span head = ids.first(std::min(ids.size(), row));
            Ids part = {static_cast<std::uint32_t>(tokenizer.bos())};
            part.insert(part.end(), head.begin(), head.end());
            shards[split].append(part);
            ids = ids.subspan(head.size());
        } while (!ids.empty());
    };
    std::vector<Encoder> encoders(threads_of(options), Encoder(tokenizer));
    const auto encode = [&](std::size_t thread, Document& document) {
        document.ids = encoders[thread].encode(document.text);
    };
    // Held-out files are read first, so that their documents are known before the training documents.
    std::array<std::map<std::uint64_t, Ids>, 3> held_out;  // by Split, then by hash
    const auto sort_in = [&](Document& document) {
        if (held_out[kVal].count(document.hash) + held_out[kTest].count(document.hash) > 0) {
            ++meta.dropped_duplicates;
        } else if (document.split == kTrain) {
            ++meta.train_documents;
            append(kTrain, document.ids);
        } else {
            held_out[document.split].emplace(document.hash, std::move(document.ids));
        }
    };
    ReadReport report;
    const std::uint64_t digest = read_corpus(options, corpus, "encoding", encode, sort_in, report);
    meta.skipped = report.skipped;
    note = report.note;
    for (const Split split : {kVal, kTest})
        for (const auto& [hash, ids] : held_out[split]) append(split, ids);
    meta.val_documents = static_cast<std::int64_t>(held_out[kVal].size());
    meta.test_documents = static_cast<std::int64_t>(held_out[kTest].size());
    return digest;
}

std::int64_t choose_eval_tokens(const DataRequest& request, const Shard& validation,
                                const std::vector<ShardWriter>& shards) {
    const std::int64_t rows = rows_of_one_epoch(validation, request.seq_len + 1);
    for (std::size_t i = 0; i < shards.size(); ++i)
        if (shards[i].num_tokens() <= request.seq_len || (i == kVal && rows == 0))
            throw UserError("too little text: the " + std::filesystem::path(kShardFiles[i]).stem().string() +
                                " split of corpus " + request.corpus + " does not fill a row of " +
                                std::to_string(request.seq_len) + " tokens",
                            "use more text, or a smaller --seq-len");
    if (request.eval_tokens == 0) return rows * request.seq_len;
    return std::clamp<std::int64_t>(request.eval_tokens / request.seq_len, 1, rows) * request.seq_len;
}

}  // namespace

DataMeta make_data_set(const PrepareOptions& options, Corpus corpus, const std::filesystem::path& folder,
                       std::vector<std::string>& notes) {
    const DataRequest& request = options.request;
    DataMeta meta;
    meta.corpus = request.corpus;
    meta.seq_len = request.seq_len;
    meta.split_pattern = request.split_pattern.empty() ? kSplitPattern : request.split_pattern;
    std::uint64_t corpus_digest = 0;
    const Tokenizer tokenizer = learn_tokenizer(options, corpus, meta.split_pattern, corpus_digest);
    const std::string tokenizer_text = tokenizer.tiktoken_text();
    write_file_atomically(folder / kTokenizerFile, tokenizer_text);
    meta.tokenizer_digest = xxh64(tokenizer_text);
    meta.vocab_size = tokenizer.vocab_size();
    meta.bos = tokenizer.bos();

    std::vector<ShardWriter> shards;
    shards.reserve(kShardFiles.size());
    for (const char* file : kShardFiles) shards.emplace_back(folder / file, tokenizer.vocab_size());
    std::string note;
    if (encode_corpus(options, corpus, tokenizer, shards, meta, note) != corpus_digest)
        throw UserError("corpus " + request.corpus + " changed while it was read",
                        "start again when it no longer changes");
    if (!note.empty()) notes.push_back(note);
    if (corpus.part_bytes > 0)
        notes.push_back("few texts: cut into parts of " + std::to_string(corpus.part_bytes) +
                        " bytes and more, at line ends; --separator says where else");
    Digest fingerprint;
    fingerprint.add("autoresearch data set 1");
    fingerprint.add(corpus_digest);
    fingerprint.add(meta.tokenizer_digest);
    fingerprint.add(meta.split_pattern);
    for (const std::int64_t number :
         {std::int64_t{request.vocab_size}, std::int64_t{request.seq_len}, request.eval_tokens})
        fingerprint.add(static_cast<std::uint64_t>(number));
    // These follow from the above, unless another PCRE2 has another version of Unicode.
    for (const ShardWriter& shard : shards) fingerprint.add(shard.digest());
    meta.fingerprint = hex(fingerprint.value());
    double share = 0;
    for (ShardWriter& shard : shards) {
        options.progress("writing", share += 0.25);
        shard.finish(fingerprint.value());
    }
    meta.eval_tokens = choose_eval_tokens(request, Shard(folder / kValFile), shards);
    meta.train_tokens = shards[kTrain].num_tokens();
    meta.val_tokens = shards[kVal].num_tokens();
    meta.test_tokens = shards[kTest].num_tokens();
    write_meta(meta, folder);
    options.progress("writing", 1);
    return meta;
}

}  // namespace autoresearch
