#include "prepare/data/prepare.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

#include "autoresearch/error.h"
#include "prepare/data/corpus.h"
#include "prepare/data/data_set.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

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

Tokenizer train_tokenizer(const Survey& survey, const DataRequest& request, const std::string& split_pattern,
                          const Progress& progress) {
    progress(0);
    const auto ranks = static_cast<std::size_t>(request.vocab_size - kSpecials);
    std::vector<std::string> tokens = train_bpe(survey.pieces, ranks, progress);
    if (tokens.size() < ranks)
        throw UserError(
            "a vocabulary of " + std::to_string(request.vocab_size) +
                " is larger than the data supports: corpus " + request.corpus,
            "choose at most " + std::to_string(tokens.size() + kSpecials) + ", or give more text");
    return Tokenizer(std::move(tokens), split_pattern);
}

/// The one folder below the data root in which a data set is made, by one process at a time. Whatever kills
/// this process, the folder is never mistaken for a data set, and the next Workshop empties it.
class Workshop {
  public:
    Workshop(const fs::path& data_root, const std::function<void()>& waiting)
        : root_(data_root),
          path_(data_root / ".building"),
          lock_(wait_for_lock(data_root / ".lock", waiting)) {
        fs::remove_all(path_);
        fs::create_directory(path_);
    }
    ~Workshop() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Workshop(const Workshop&) = delete;
    Workshop& operator=(const Workshop&) = delete;

    const fs::path& path() const { return path_; }
    /// Renames the folder to `name` below the root; what stands there is replaced.
    void publish(const std::string& name) {
        flush_directory(path_);
        fs::remove_all(root_ / name);
        fs::rename(path_, root_ / name);
        flush_directory(root_);
    }

  private:
    const fs::path root_, path_;
    const Fd lock_;
};

/// The whole way from text to a published data set.
DataMeta make_data_set(const PrepareOptions& options, const Corpus& corpus, Workshop& workshop) {
    const auto progress_of = [&](const char* phase) {
        return [&options, phase](double share) { options.progress(phase, share); };
    };
    const std::size_t threads = options.threads > 0 ? static_cast<std::size_t>(options.threads)
                                                    : std::max(1U, std::thread::hardware_concurrency());
    const std::string& wanted = options.request.split_pattern;
    const std::string split_pattern = wanted.empty() ? kSplitPattern : wanted;
    const Survey survey = survey_corpus(corpus, split_pattern, threads, progress_of("reading"));
    check_splits(survey, options.request.corpus);
    const Tokenizer tokenizer =
        train_tokenizer(survey, options.request, split_pattern, progress_of("tokenizer"));
    const DataMeta meta = write_data_set(options.request, corpus, tokenizer, survey, workshop.path(), threads,
                                         progress_of("encoding"), progress_of("writing"));
    workshop.publish(meta.fingerprint);
    return meta;
}

/// Which data set answers a request, and a hash of what the corpus' files looked like when it was made. One
/// line in a file for each request below the data root, newest answer only.
struct Record {
    std::string fingerprint, inputs;
};

fs::path record_file(const DataRequest& request, const fs::path& data_root) {
    Digest digest;
    digest.add(corpus_key(request.corpus));
    for (const std::int64_t number : {std::int64_t{request.vocab_size}, std::int64_t{request.seq_len},
                                      request.eval_tokens, std::int64_t{request.shards}})
        digest.add(static_cast<std::uint64_t>(number));
    digest.add(request.text_column);
    digest.add(request.separator);
    if (!request.split_pattern.empty()) digest.add(request.split_pattern);
    return data_root / ".requests" / hex(digest.value());
}

Record read_record(const DataRequest& request, const fs::path& data_root) {
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

/// Throws when it is damaged.
std::optional<PreparedData> open_recorded(const Record& record, const fs::path& data_root, bool every_token) {
    const fs::path directory = data_root / record.fingerprint;
    if (record.fingerprint.empty() || !fs::exists(directory / kMetaFile)) return std::nullopt;
    return PreparedData{.directory = directory, .meta = read_meta(directory, every_token), .was_ready = true};
}

PreparedData find_or_make(const PrepareOptions& options) {
    check_request(options.request);
    const Corpus corpus = find_corpus(options);
    const std::string inputs = hash_of_inputs(corpus);
    std::string damage;
    const auto find = [&]() -> std::optional<PreparedData> {
        const Record record = read_record(options.request, options.data_root);
        if (record.inputs != inputs) return std::nullopt;
        try {
            return open_recorded(record, options.data_root, /*every_token=*/true);
        } catch (const std::exception& error) {
            damage = error.what();
            return std::nullopt;
        }
    };
    if (auto ready = find()) return *ready;
    Workshop workshop(options.data_root, [&] { options.progress("waiting for another prepare", 0); });
    if (auto ready = find()) return *ready;  // it was that one
    const DataMeta meta = make_data_set(options, corpus, workshop);
    const auto file = record_file(options.request, options.data_root);
    fs::create_directories(file.parent_path());
    write_file_atomically(file, meta.fingerprint + " " + inputs + "\n");
    return {.directory = options.data_root / meta.fingerprint, .meta = meta, .replaced = damage};
}

std::string hint_for(const std::error_code& error) {
    if (error == std::errc::no_space_on_device || error.value() == EDQUOT)
        return "free some space, or name another folder for the data in AUTORESEARCH_DATA";
    if (error == std::errc::permission_denied || error == std::errc::operation_not_permitted)
        return "check who may read and write it";
    return "";
}

}  // namespace

PreparedData prepare_data(const PrepareOptions& given) {
    const auto start = std::chrono::steady_clock::now();
    PrepareOptions options = given;
    if (!options.progress) options.progress = [](const std::string&, double) {};
    try {
        PreparedData result = find_or_make(options);
        result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return result;
    } catch (const std::system_error& error) {
        throw UserError(error.what(), hint_for(error.code()));
    }
}

std::optional<PreparedData> find_prepared(const DataRequest& request, const fs::path& data_root) {
    return open_recorded(read_record(request, data_root), data_root, /*every_token=*/false);
}

}  // namespace autoresearch
