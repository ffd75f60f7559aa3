#include "prepare/fetch/download.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "autoresearch/error.h"
#include "util/atomic_file.h"
#include "util/home.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kHub = "https://huggingface.co";
constexpr std::chrono::milliseconds kTick(20);
constexpr long kStallSeconds = 30;
constexpr long kMostRedirects = 10;
constexpr double kLongestBackOff = 60, kLongestWait = 3600;  // seconds; our own, and Retry-After's

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

struct Token {
    std::string text, place;  // place: the variable or file it is from
};

Token hub_token() {
    if (const std::string token(trim(variable("HF_TOKEN"))); !token.empty()) return {token, "HF_TOKEN"};
    const std::string home = variable("HF_HOME");
    const fs::path file = expand_home(home.empty() ? "~/.cache/huggingface" : home) + "/token";
    return {std::string(trim(try_read_file(file).value_or(""))), file.string()};
}

/// A variable that names certificates to trust, for curl, OpenSSL or Python, and what it names.
std::pair<const char*, std::string> own_certificates() {
    for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"})
        if (const std::string place = variable(name); !place.empty()) return {name, expand_home(place)};
    return {nullptr, ""};
}

/// The SHA-256 of a file, 64 hex digits, from the system's own program; empty where there is none.
std::string sha256_of(const fs::path& file) {
    const std::string name = shell_quote(fs::absolute(file).string());
    const std::string command = "{ sha256sum " + name + " || shasum -a 256 " + name + "; } 2>/dev/null";
    std::string digits(64, '\0');
    std::FILE* const pipe = ::popen(command.c_str(), "r");  // NOLINT(bugprone-command-processor): quoted
    if (pipe == nullptr) return "";
    digits.resize(std::fread(digits.data(), 1, digits.size(), pipe));
    ::pclose(pipe);
    return digits;
}

int must_stop(const std::atomic<bool>* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return *stop ? 1 : 0;
}

/// One file, over all its attempts, on its own thread. Other threads may read the figures.
class Transfer {
  public:
    Transfer(const Download& download, const DownloadOptions& options, const std::atomic<bool>& stop,
             std::atomic<bool>& token_refused)
        : download_(download), options_(options), stop_(stop), token_refused_(token_refused) {}

    std::atomic<std::int64_t> bytes = 0, total = -1;  // -1: not known
    std::atomic<std::int64_t> received = 0;           // by this process
    std::atomic<bool> done = false;

    /// Runs until the file is there, or somebody says stop. Throws UserError when retrying is pointless.
    void run() {
        fs::create_directories(part_.parent_path());
        if (::access(part_.c_str(), W_OK) != 0)  // another user's, in a shared folder
            for (const fs::path& file : {part_, tag_file_}) fs::remove(file);
        fd_ = open_file(part_, O_WRONLY | O_CREAT);
        bytes = ::lseek(fd_.get(), 0, SEEK_END);
        tag_ = trim(try_read_file(tag_file_).value_or(""));
        std::int64_t most_bytes = 0;
        for (int failures = 1; !stop_ && !attempt(); ++failures) {
            if (bytes > most_bytes) failures = 1;
            most_bytes = std::max(most_bytes, bytes.load());
            if (failures == options_.most_failures) give_up();
            const double back_off = std::min(options_.first_wait * std::exp2(failures - 1), kLongestBackOff);
            const std::chrono::duration<double> wait(retry_after_ > 0 ? retry_after_ : back_off);
            for (const auto end = Clock::now() + wait; !stop_ && Clock::now() < end;)
                std::this_thread::sleep_for(kTick);
        }
    }

    fs::path folder() const { return download_.file.parent_path(); }

  private:
    /// True when the file is there. Throws when another attempt would fail the same way.
    bool attempt() {
        if (tag_.empty()) cut();  // nobody knows which version these bytes belong to
        const std::int64_t from = bytes;
        begun_ = false;
        set_up();
        const CURLcode code = ::curl_easy_perform(curl_.get());
        if (problem_) std::rethrow_exception(problem_);
        long status = 0;
        ::curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
        long redirects = 0;
        ::curl_easy_getinfo(curl_.get(), CURLINFO_REDIRECT_COUNT, &redirects);
        if (with_token_ && redirects == 0 && (status == 401 || status == 403)) {
            token_refused_ = true;  // whoever may not log in may still read what is public
            return attempt();
        }
        const bool came = code == CURLE_OK && status == (from > 0 ? 206 : 200);
        if (came && !begun_) begin();  // not a byte came
        const bool whole = came && (total < 0 || bytes == total);
        if (whole && is_as_named()) return complete();
        why_ = code != CURLE_OK ? (error_[0] != '\0' ? error_ : ::curl_easy_strerror(code))
               : whole ? "its checksum is not the one the server gives"
                       : std::to_string(bytes) + " bytes arrived instead of " + std::to_string(total);
        // What is there is not the beginning of what the server has now.
        if (whole || code == CURLE_RANGE_ERROR || code == CURLE_WRITE_ERROR || status == 416 ||
            (code == CURLE_OK && (!came || bytes > total)))
            cut();
        curl_off_t retry_after = 0;
        ::curl_easy_getinfo(curl_.get(), CURLINFO_RETRY_AFTER, &retry_after);
        retry_after_ = std::min(static_cast<double>(retry_after), kLongestWait);
        const bool final_status =
            status >= 400 && status < 500 && status != 408 && status != 416 && status != 425 && status != 429;
        if (final_status || code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
            code == CURLE_TOO_MANY_REDIRECTS || code == CURLE_PEER_FAILED_VERIFICATION ||
            code == CURLE_SSL_CACERT_BADFILE || proxy_status() == 407)
            give_up(status, code);
        return false;
    }

    void set_up() {
        CURL* const curl = curl_.get();
        ::curl_easy_reset(curl);
        error_[0] = '\0';
        std::string url = download_.url;
        if (url.rfind(kHub, 0) == 0) {
            if (const std::string endpoint = variable("HF_ENDPOINT"); !endpoint.empty())
                url = endpoint.substr(0, endpoint.find_last_not_of('/') + 1) +
                      url.substr(std::string(kHub).size());
            // curl sends a bearer token to this host only, not to where it is redirected.
            const std::string token = token_refused_ ? "" : hub_token().text;
            with_token_ = !token.empty();
            if (with_token_) {
                ::curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
                ::curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token.c_str());
            }
        }
        if (const auto [name, place] = own_certificates(); name != nullptr) {
            const bool folder = fs::is_directory(place);
            for (const CURLoption option : {folder ? CURLOPT_CAPATH : CURLOPT_CAINFO,
                                            folder ? CURLOPT_PROXY_CAPATH : CURLOPT_PROXY_CAINFO})
                ::curl_easy_setopt(curl, option, place.c_str());
        }
        ::curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
        ::curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_);
        ::curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
        ::curl_easy_setopt(curl, CURLOPT_USERAGENT, "autoresearch");
        ::curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
        ::curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kMostRedirects);
        ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kStallSeconds);
        ::curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        ::curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
        ::curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, curl_off_t{bytes});
        ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
        ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Transfer::on_bytes);
        ::curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        ::curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stop_);
        ::curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &must_stop);
    }

    static std::size_t on_bytes(const char* text, std::size_t, std::size_t count, Transfer* self) {
        try {
            if (!self->begun_ && !self->begin()) return 0;
            write_all(self->fd_.get(), {text, count}, self->part_.string());
            self->bytes += static_cast<std::int64_t>(count);
            self->received += static_cast<std::int64_t>(count);
            return count;
        } catch (...) {
            self->problem_ = std::current_exception();  // curl is C
            return 0;
        }
    }

    /// Handles the first bytes of an answer. False when they belong to another version than those we have.
    bool begin() {
        const std::string range = header("content-range");  // bytes FIRST-LAST/TOTAL
        const std::string length =
            range.empty() ? header("content-length") : range.substr(range.find('/') + 1);
        // "*": the server does not know it either.
        total = length.empty() || length == "*" ? -1 : std::strtoll(length.c_str(), nullptr, 10);
        const std::string etag = header("etag");
        const std::string tag = etag.rfind('"', 0) == 0 ? etag : header("last-modified");  // not a weak ETag
        begun_ = bytes == 0 || tag == tag_;
        if (bytes == 0) write_file(tag_file_, tag + "\n");
        tag_ = tag;
        return begun_;
    }

    /// A header of the last answer, or of an earlier one that redirected to it.
    std::string header(const char* name, int request = -1) const {
        curl_header* found = nullptr;
        const auto code = ::curl_easy_header(curl_.get(), name, 0, CURLH_HEADER, request, &found);
        return code == CURLHE_OK ? found->value : "";
    }

    void cut() {
        if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0)
            throw_errno("cannot write " + part_.string());
        bytes = 0;
    }

    /// huggingface.co names the SHA-256 of large files where it redirects to them.
    bool is_as_named() const {
        std::string named;
        for (int request = 0; request <= kMostRedirects && named.empty(); ++request)
            named = header("x-linked-etag", request);
        if (named.size() != 66) return true;  // quotes, 64 digits
        const std::string digits = sha256_of(part_);
        return digits.empty() || named == '"' + digits + '"';
    }

    bool complete() {
        flush_to_disk(fd_.get(), part_.string());
        fs::rename(part_, download_.file);
        fs::remove(tag_file_);
        flush_directory(part_.parent_path());
        done = true;
        return true;
    }

    /// What a proxy said to CONNECT.
    long proxy_status() const {
        long status = 0;
        ::curl_easy_getinfo(curl_.get(), CURLINFO_HTTP_CONNECTCODE, &status);
        return status;
    }

    [[noreturn]] void give_up(long status = 0, CURLcode code = CURLE_OK) const {
        std::string hint = "run the same command again to resume";
        if (status == 401 || status == 403)
            hint = token_refused_
                       ? "the token of " + hub_token().place +
                             " was refused too: set another one, or accept the terms on the data's page"
                       : "the server requires authentication; for huggingface.co set HF_TOKEN";
        if (status == 404 || status == 410) hint = "check the address in corpora.json, or HF_ENDPOINT";
        if (status == 407 || proxy_status() == 407)
            hint = "the proxy wants a login: https_proxy=http://USER:PASSWORD@HOST:PORT";
        if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
            const auto [name, place] = own_certificates();
            hint = name == nullptr ? "for a server or proxy with its own certificate: CURL_CA_BUNDLE=FILE.pem"
                                   : std::string(name) + " says to trust " + place + ": correct or unset it";
        }
        throw UserError("cannot download " + download_.url + ": " + why_, hint);
    }

    const Download& download_;
    const DownloadOptions& options_;
    const std::atomic<bool>& stop_;
    std::atomic<bool>& token_refused_;
    bool with_token_ = false;
    const fs::path part_ = download_.file.string() + ".part", tag_file_ = part_.string() + ".tag";
    const std::unique_ptr<CURL, void (*)(CURL*)> curl_{::curl_easy_init(), ::curl_easy_cleanup};
    Fd fd_;            // of part_
    std::string tag_;  // of the version that the bytes in part_ belong to
    bool begun_ = false;
    char error_[CURL_ERROR_SIZE] = "";
    std::exception_ptr problem_;
    std::string why_;  // why the last attempt failed
    double retry_after_ = 0;
};

using Transfers = std::vector<std::unique_ptr<Transfer>>;

/// Better to fail now than when the disk is full.
void check_room(double bytes, const fs::path& folder) {
    std::error_code unknown;
    const auto room = static_cast<double>(fs::space(folder, unknown).available);
    if (unknown || bytes <= room) return;
    char text[100];
    std::snprintf(text, sizeof text, "no room for the download: %.1f GB left to fetch, %.1f GB free in ",
                  bytes / 1e9, room / 1e9);
    throw UserError(
        text + folder.string(),
        "free some space, fetch fewer files with --shards, or set AUTORESEARCH_DATA to another folder");
}

/// "downloading, 2 of 11 files done, 12.3 MB/s, 4:05 left"
/// Throws UserError when there is no room for what is left.
void tell(const Transfers& transfers, Clock::time_point start, const DownloadOptions& options) {
    double bytes = 0, received = 0, known = 0;
    int done = 0, sized = 0;
    for (const auto& transfer : transfers) {
        bytes += static_cast<double>(transfer->bytes);
        received += static_cast<double>(transfer->received);
        done += transfer->done ? 1 : 0;
        sized += transfer->total > 0 ? 1 : 0;
        known += static_cast<double>(std::max<std::int64_t>(transfer->total, 0));
    }
    const double rate = received / std::max(std::chrono::duration<double>(Clock::now() - start).count(), 0.1);
    // Files of unknown size are assumed to be like the others.
    const double all = sized == 0 ? 0 : known / sized * static_cast<double>(transfers.size());
    if (sized > 0) check_room(all - bytes, transfers.front()->folder());
    char text[160];
    const int length = std::snprintf(text, sizeof text, "downloading, %d of %zu files done, %.1f MB/s", done,
                                     transfers.size(), rate / 1e6);
    if (const auto left = static_cast<long>((all - bytes) / std::max(rate, 1.0)); rate > 0 && left >= 0)
        std::snprintf(text + length, sizeof text - length, ", %ld:%02ld left", left / 60, left % 60);
    options.progress(text, all > 0 ? std::min(1.0, bytes / all) : 0);
}

}  // namespace

std::string download_all(const std::vector<Download>& downloads, const DownloadOptions& options) {
    static const CURLcode ready = ::curl_global_init(CURL_GLOBAL_DEFAULT);
    const auto start = Clock::now();
    std::atomic<bool> stop = ready != CURLE_OK, token_refused = false;
    Transfers transfers;
    for (const Download& download : downloads)
        if (!fs::exists(download.file))
            transfers.push_back(std::make_unique<Transfer>(download, options, stop, token_refused));
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
        try {
            for (std::size_t i; !stop && (i = next++) < transfers.size();) transfers[i]->run();
        } catch (...) {
            stop = true;
            throw;
        }
    };
    std::vector<std::future<void>> workers;  // declared last: its destructor waits for them
    try {
        for (int i = 0; i < options.at_once && !transfers.empty(); ++i)
            workers.push_back(std::async(std::launch::async, work));
        for (auto& worker : workers) {
            do tell(transfers, start, options);
            while (worker.wait_for(kTick) != std::future_status::ready);
            worker.get();
        }
    } catch (...) {
        stop = true;
        throw;
    }
    if (!transfers.empty()) tell(transfers, start, options);
    return token_refused ? "the token of " + hub_token().place + " was refused: fetched without it" : "";
}

}  // namespace autoresearch
