#include "prepare/data/prepare.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "autoresearch/error.h"
#include "prepare/data/bpe.h"
#include "prepare/data/corpus.h"
#include "prepare/data/data_set.h"
#include "prepare/data/request_index.h"
#include "prepare/data/survey.h"
#include "prepare/data/tokenizer.h"
#include "prepare/data/workshop.h"

namespace autoresearch {
namespace {

constexpr int kSpecials = 4;
constexpr int kFewestIds = 256 + kSpecials;

void check_request(const DataRequest& request) {
    if (request.corpus.empty())
        throw UserError("no corpus named", std::string("for instance ") + kTorchSources);
    if (request.vocab_size < kFewestIds)
        throw UserError("a vocabulary of " + std::to_string(request.vocab_size) + " is too small",
                        "choose at least " + std::to_string(kFewestIds) + ": the 256 bytes and 4 specials");
    if (request.seq_len < 1) throw UserError("the sequence length must be at least 1");
    if (request.eval_tokens < 0) throw UserError("the number of evaluation tokens must not be negative");
}

void check_splits(const Survey& survey, const std::string& corpus) {
    const auto [train, val, test] = survey.documents;
    if (train > 0 && val > 0 && test > 0) return;
    const std::int64_t all = train + val + test;
    throw UserError("too few documents to split into training, validation and test: corpus " + corpus +
                        " has " + std::to_string(all) + (all == 1 ? " document" : " documents"),
                    "give more files, or a jsonl file with a document a line; a hundred documents are safe");
}

Tokenizer train_tokenizer(const Survey& survey, const DataRequest& request,
                          const std::function<void(double share)>& progress) {
    progress(0);
    const auto ranks = static_cast<std::size_t>(request.vocab_size - kSpecials);
    std::vector<std::string> tokens = train_bpe(survey.pieces.pieces(), ranks, progress);
    if (tokens.size() < ranks)
        throw UserError(
            "a vocabulary of " + std::to_string(request.vocab_size) +
                " is larger than the data supports: corpus " + request.corpus,
            "choose at most " + std::to_string(tokens.size() + kSpecials) + ", or give more text");
    return Tokenizer(std::move(tokens), kSplitPattern);
}

/// The whole way from text to a published data set. Nothing is written before the tokenizer is trained.
DataMeta make_data_set(const PrepareOptions& options, const std::vector<CorpusFile>& files) {
    const auto progress_of = [&](const char* phase) {
        return [&options, phase](double share) {
            if (options.progress) options.progress(phase, share);
        };
    };
    const std::size_t threads = options.threads > 0 ? static_cast<std::size_t>(options.threads)
                                                    : std::max(1U, std::thread::hardware_concurrency());
    const Survey survey = survey_corpus(files, threads, progress_of("reading"));
    check_splits(survey, options.request.corpus);
    const Tokenizer tokenizer = train_tokenizer(survey, options.request, progress_of("tokenizer"));
    Workshop workshop(options.data_root);
    DataSetWriter writer(options.request, tokenizer, survey, workshop.path());
    writer.encode(files, threads, progress_of("encoding"));
    const DataMeta meta = writer.finish(progress_of("writing"));
    workshop.publish(meta.fingerprint);
    return meta;
}

std::optional<PreparedData> open_recorded(const RequestRecord& record,
                                          const std::filesystem::path& data_root) {
    const std::filesystem::path directory = data_root / record.fingerprint;
    try {
        return PreparedData{.directory = directory, .meta = read_meta(directory), .was_ready = true};
    } catch (const UserError&) {
        return std::nullopt;  // removed or damaged: made anew
    }
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

PreparedData prepare_data(const PrepareOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    check_request(options.request);
    const std::vector<CorpusFile> files = find_corpus(options.request.corpus, options.torch_sources);
    std::optional<PreparedData> result;
    if (const auto record = read_request_record(options.request, options.data_root);
        record && record->files == files)
        result = open_recorded(*record, options.data_root);
    if (!result) {
        const DataMeta meta = make_data_set(options, files);
        write_request_record(options.request, {meta.fingerprint, files}, options.data_root);
        result = PreparedData{.directory = options.data_root / meta.fingerprint, .meta = meta};
    }
    result->seconds = seconds_since(start);
    return *result;
}

std::optional<PreparedData> find_prepared(const DataRequest& request,
                                          const std::filesystem::path& data_root) {
    const auto start = std::chrono::steady_clock::now();
    const auto record = read_request_record(request, data_root);
    auto result = record ? open_recorded(*record, data_root) : std::nullopt;
    if (result) result->seconds = seconds_since(start);
    return result;
}

}  // namespace autoresearch
