#include "prepare/corpus/prepare.h"

#include <unistd.h>

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

/// What is ready needs no lock, and nobody's right to write. `damage`: why what is there cannot be used.
std::optional<PreparedData> find_ready(const PrepareOptions& options, const Corpus& corpus,
                                       std::string& damage) {
    try {
        return open_recorded(record_of(options.request, options.data_root), options.data_root,
                             hash_of_inputs(corpus));
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::permission_denied) throw;
        damage = error.what();
    } catch (const UserError& error) {
        damage = error.what();
    }
    return std::nullopt;
}

/// An empty folder, never mistaken for a data set.
fs::path building_folder(const fs::path& root) {
    fs::path building = root / ".building";
    std::error_code of_another_user;
    fs::remove_all(building, of_another_user);  // left by a killed prepare
    if (of_another_user) fs::remove_all(building += "-" + std::to_string(::getuid()));
    fs::create_directory(building);
    return building;
}

PreparedData find_or_make(const PrepareOptions& options) {
    check_pattern(options.request);
    const fs::path& root = options.data_root;
    std::string damage;
    if (const auto corpus = corpus_on_disk(options))
        if (auto ready = find_ready(options, *corpus, damage)) return *ready;
    const Fd lock =
        wait_for_lock(root / ".lock", [&] { options.progress("waiting for another prepare", 0); });
    const Corpus corpus = find_corpus(options);
    if (auto ready = find_ready(options, corpus, damage)) return *ready;
    check_readers(corpus);
    const fs::path building = building_folder(root);
    try {
        std::vector<std::string> notes;
        if (!corpus.note.empty()) notes.push_back(corpus.note);
        const DataMeta meta = make_data_set(options, corpus, building, notes);
        const fs::path directory = root / meta.fingerprint;
        flush_directory(building);
        std::error_code of_another_user;
        fs::remove_all(directory, of_another_user);
        if (of_another_user) {
            read_meta(directory, true);  // throws unless it is as good as ours
            fs::remove_all(building);
        } else {
            fs::rename(building, directory);
        }
        flush_directory(root);
        const fs::path record = record_of(options.request, root);
        make_folder_like_parent(record.parent_path());
        write_file_atomically(record, meta.fingerprint + " " + hash_of_inputs(corpus) + "\n");
        return {.directory = directory, .meta = meta, .replaced = damage, .notes = notes};
    } catch (...) {
        std::error_code ignored;
        fs::remove_all(building, ignored);
        throw;
    }
}

std::string hint_for(const std::error_code& error) {
    if (error == std::errc::no_space_on_device || error.value() == EDQUOT)
        return "free some space, or set AUTORESEARCH_DATA to another folder";
    if (error == std::errc::permission_denied || error == std::errc::operation_not_permitted ||
        error == std::errc::read_only_file_system)
        return "check its permissions; AUTORESEARCH_DATA may name a data folder of your own";
    if (error == std::errc::function_not_supported || error == std::errc::operation_not_supported ||
        error == std::errc::no_lock_available || error == std::errc::no_such_device)
        return "its file system cannot do that: set AUTORESEARCH_DATA to a folder on a local disk";
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
