#include "prepare/corpus/prepare.h"

#include <cerrno>
#include <chrono>
#include <sstream>
#include <system_error>

#include "autoresearch/error.h"
#include "prepare/corpus/corpus.h"
#include "prepare/data/pieces.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// One line per request, newest answer only: the fingerprint of the data set, and a hash of what the corpus
/// files looked like when it was made.
fs::path record_of(const DataRequest& request, const fs::path& data_root) {
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

/// The data set of a record, with every token checked, if it was made from these inputs. Empty inputs: from
/// any. Throws when it is damaged.
std::optional<PreparedData> open_recorded(const fs::path& record, const fs::path& data_root,
                                          const std::string& inputs = "") {
    std::string fingerprint, made_of;
    std::istringstream(try_read_file(record).value_or("")) >> fingerprint >> made_of;
    const fs::path directory = data_root / fingerprint;
    if (fingerprint.empty() || !fs::exists(directory / kMetaFile)) return std::nullopt;
    if (!inputs.empty() && inputs != made_of) return std::nullopt;
    return PreparedData{
        .directory = directory, .meta = read_meta(directory, !inputs.empty()), .was_ready = true};
}

/// Checks the pattern first, because splitting comes late in the work.
void check_pattern(const DataRequest& request) {
    if (!request.split_pattern.empty()) const Splitter compiles(request.split_pattern);
}

std::string hash_of_inputs(const Corpus& corpus) {
    Digest digest;
    for (const CorpusFile& file : corpus.files) {
        digest.add(file.path.native());
        digest.add(std::uint64_t{file.bytes});
        digest.add(static_cast<std::uint64_t>(file.modified));
    }
    digest.add(corpus.text_column);
    digest.add(corpus.separator);
    return hex(digest.value());
}

PreparedData find_or_make(const PrepareOptions& options) {
    check_pattern(options.request);
    const fs::path& root = options.data_root;
    const Fd lock =
        wait_for_lock(root / ".lock", [&] { options.progress("waiting for another prepare", 0); });
    const Corpus corpus = find_corpus(options);
    const std::string inputs = hash_of_inputs(corpus);
    const fs::path record = record_of(options.request, root);
    std::string damage;
    try {
        if (auto ready = open_recorded(record, root, inputs)) return *ready;
    } catch (const std::exception& error) {
        damage = error.what();
    }
    check_readers(corpus);
    const fs::path building = root / ".building";  // never mistaken for a data set
    fs::remove_all(building);                      // left by a killed prepare
    fs::create_directory(building);
    try {
        const DataMeta meta = make_data_set(options, corpus, building);
        const fs::path directory = root / meta.fingerprint;
        flush_directory(building);
        fs::remove_all(directory);
        fs::rename(building, directory);
        flush_directory(root);
        fs::create_directories(record.parent_path());
        write_file_atomically(record, meta.fingerprint + " " + inputs + "\n");
        return {.directory = directory, .meta = meta, .replaced = damage};
    } catch (...) {
        std::error_code ignored;
        fs::remove_all(building, ignored);
        throw;
    }
}

std::string hint_for(const std::error_code& error) {
    if (error == std::errc::no_space_on_device || error.value() == EDQUOT)
        return "free some space, or set AUTORESEARCH_DATA to another folder";
    if (error == std::errc::permission_denied || error == std::errc::operation_not_permitted)
        return "check its permissions";
    return "";
}

}  // namespace

PreparedData prepare_data(const PrepareOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    try {
        PreparedData result = find_or_make(options);
        result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return result;
    } catch (const std::system_error& error) {
        throw UserError(error.what(), hint_for(error.code()));
    }
}

void check_request(const PrepareOptions& options) {
    check_pattern(options.request);
    check_corpus(options);
}

std::optional<PreparedData> find_prepared(const DataRequest& request, const fs::path& data_root) {
    return open_recorded(record_of(request, data_root), data_root);
}

}  // namespace autoresearch
