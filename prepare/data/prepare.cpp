#include "prepare/data/prepare.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

#include "autoresearch/error.h"
#include "prepare/data/bpe.h"
#include "prepare/data/corpus.h"
#include "prepare/data/data_set.h"
#include "prepare/data/digest.h"
#include "prepare/data/survey.h"
#include "prepare/data/tokenizer.h"
#include "prepare/data/workshop.h"
#include "util/atomic_file.h"
#include "util/text.h"

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

/// The whole way from text to a published data set.
DataMeta make_data_set(const PrepareOptions& options, const Corpus& corpus, Workshop& workshop) {
    const auto progress_of = [&](const char* phase) {
        return [&options, phase](double share) { options.progress(phase, share); };
    };
    const std::size_t threads = options.threads > 0 ? static_cast<std::size_t>(options.threads)
                                                    : std::max(1U, std::thread::hardware_concurrency());
    const Survey survey = survey_corpus(corpus, threads, progress_of("reading"));
    check_splits(survey, options.request.corpus);
    const Tokenizer tokenizer = train_tokenizer(survey, options.request, progress_of("tokenizer"));
    DataSetWriter writer(options.request, tokenizer, survey, workshop.path());
    writer.encode(corpus, threads, progress_of("encoding"));
    const DataMeta meta = writer.finish(progress_of("writing"));
    workshop.publish(meta.fingerprint);
    return meta;
}

/// Which data set answers a request, and a hash of what the corpus' files looked like when it was made. One
/// line in a file for each request below the data root, newest answer only.
struct Record {
    std::string fingerprint, inputs;
};

std::filesystem::path record_file(const DataRequest& request, const std::filesystem::path& data_root) {
    Digest digest;
    digest.add(corpus_key(request.corpus));
    for (const std::int64_t number : {std::int64_t{request.vocab_size}, std::int64_t{request.seq_len},
                                      request.eval_tokens, std::int64_t{request.shards}})
        digest.add(static_cast<std::uint64_t>(number));
    digest.add(request.text_column);
    digest.add(request.separator);
    return data_root / ".requests" / hex(digest.value());
}

Record read_record(const DataRequest& request, const std::filesystem::path& data_root) {
    Record record;
    std::istringstream(try_read_file(record_file(request, data_root)).value_or("")) >> record.fingerprint >>
        record.inputs;
    return record;
}

std::string hash_of_inputs(const Corpus& corpus) {
    Digest digest;
    for (const CorpusFile& file : corpus.files) {
        digest.add(file.path.native());
        digest.add(static_cast<std::uint64_t>(file.bytes));
        digest.add(static_cast<std::uint64_t>(file.modified));
    }
    digest.add(corpus.text_column);
    digest.add(corpus.separator);
    return hex(digest.value());
}

std::optional<PreparedData> open_recorded(const Record& record, const std::filesystem::path& data_root) {
    if (record.fingerprint.empty()) return std::nullopt;
    const std::filesystem::path directory = data_root / record.fingerprint;
    try {
        return PreparedData{.directory = directory, .meta = read_meta(directory), .was_ready = true};
    } catch (const std::exception&) {
        return std::nullopt;  // removed or damaged: made anew
    }
}

PreparedData find_or_make(const PrepareOptions& options) {
    check_request(options.request);
    const Corpus corpus = find_corpus(options);
    const std::string inputs = hash_of_inputs(corpus);
    const auto find = [&] {
        const Record record = read_record(options.request, options.data_root);
        return record.inputs == inputs ? open_recorded(record, options.data_root) : std::nullopt;
    };
    if (auto ready = find()) return *ready;
    Workshop workshop(options.data_root, [&] { options.progress("waiting for another prepare", 0); });
    if (auto ready = find()) return *ready;  // it was that one
    const DataMeta meta = make_data_set(options, corpus, workshop);
    const auto file = record_file(options.request, options.data_root);
    std::filesystem::create_directories(file.parent_path());
    write_file_atomically(file, meta.fingerprint + " " + inputs + "\n");
    return {.directory = options.data_root / meta.fingerprint, .meta = meta};
}

std::string hint_for(const std::error_code& error) {
    if (error == std::errc::no_space_on_device || error.value() == EDQUOT)
        return "free some space, or name another folder for the data in AUTORESEARCH_DATA";
    if (error == std::errc::permission_denied || error == std::errc::operation_not_permitted)
        return "check who may read and write it";
    return "";
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

PreparedData prepare_data(const PrepareOptions& given) {
    const auto start = std::chrono::steady_clock::now();
    PrepareOptions options = given;
    if (!options.progress) options.progress = [](const std::string&, double) {};
    try {
        PreparedData result = find_or_make(options);
        result.seconds = seconds_since(start);
        return result;
    } catch (const std::system_error& error) {
        throw UserError(error.what(), hint_for(error.code()));
    }
}

std::optional<PreparedData> find_prepared(const DataRequest& request,
                                          const std::filesystem::path& data_root) {
    const auto start = std::chrono::steady_clock::now();
    auto result = open_recorded(read_record(request, data_root), data_root);
    if (result) result->seconds = seconds_since(start);
    return result;
}

}  // namespace autoresearch
