#include "prepare/data/download.h"

#include <curl/curl.h>
#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "autoresearch/error.h"
#include "util/atomic_file.h"
#include "util/fd.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kHub = "https://huggingface.co";
constexpr long kStallSeconds = 30;
constexpr int kMostRedirects = 10;
constexpr double kLongestBackOff = 60, kLongestWait = 3600;  // seconds; by us, by Retry-After

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::string hub_token() {
    if (const std::string token = variable("HF_TOKEN"); !token.empty()) return token;
    const std::string home = variable("HF_HOME");
    const fs::path folder = home.empty() ? fs::path(variable("HOME")) / ".cache/huggingface" : fs::path(home);
    return std::string(trim(try_read_file(folder / "token").value_or("")));
}

bool worth_another_try(long status) {
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

/// All but what lies with the address or with who asks.
bool worth_another_try(CURLcode code) {
    return code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL &&
           code != CURLE_TOO_MANY_REDIRECTS && code != CURLE_PEER_FAILED_VERIFICATION;
}

/// The number that begins at this place; -1 when none does.
std::int64_t number_at(const std::string& text, std::size_t at) {
    const bool is_there = at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0;
    return is_there ? std::strtoll(text.c_str() + at, nullptr, 10) : -1;
}

/// Of a file, 64 hex digits, by the system's own program for it; empty where there is none.
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

/// One file, over all its attempts.
class Transfer {
  public:
    Transfer(const Download& download, const DownloadOptions& options)
        : download_(download),
          options_(options),
          part_(download.file.string() + ".part"),
          tag_file_(download.file.string() + ".part.tag"),
          curl_(::curl_easy_init(), ::curl_easy_cleanup) {}
    ~Transfer() { stop(); }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    bool active() const { return multi_ != nullptr; }
    bool done() const { return done_; }
    bool may_start() const { return !done_ && !active() && Clock::now() >= not_before_; }
    std::int64_t bytes() const { return size_; }
    std::int64_t total() const { return total_; }  // -1: not known

    void start(CURLM* multi) {
        fd_ = open_file(part_, O_WRONLY | O_CREAT);
        size_ = static_cast<std::int64_t>(::lseek(fd_.get(), 0, SEEK_END));
        tag_ = std::string(trim(try_read_file(tag_file_).value_or("")));
        if (tag_.empty()) cut();  // nobody knows of which version these bytes are
        begun_ = false;
        set_up();
        multi_ = multi;
        ::curl_multi_add_handle(multi_, curl_.get());
    }

    /// After curl is through with this attempt.
    void finish(CURLcode code) {
        stop();
        if (problem_) std::rethrow_exception(problem_);
        const long status = http_status();
        const bool came = code == CURLE_OK && (status == 200 || status == 206);
        if (came && !begun_) begin(status);  // not a byte came
        const bool whole = came && (total_ < 0 || size_ == total_);
        if (whole && checked()) return complete();
        if (whole || status == 416 || (came && size_ > total_)) cut();  // no beginning of what is there now
        std::string why = error_[0] != '\0' ? error_ : ::curl_easy_strerror(code);
        if (code == CURLE_OK) why = "HTTP status " + std::to_string(status);
        if (came) why = std::to_string(size_) + " bytes came instead of " + std::to_string(total_);
        if (whole) why = "its checksum is not the one that the server names";
        const bool again =
            came || status == 416 || (code == CURLE_OK ? worth_another_try(status) : worth_another_try(code));
        failures_ = size_ > most_bytes_ ? 1 : failures_ + 1;
        most_bytes_ = std::max(most_bytes_, size_);
        if (!again || failures_ >= options_.most_failures) give_up(why, status);
        not_before_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(wait());
    }

  private:
    void stop() {
        if (multi_ != nullptr) ::curl_multi_remove_handle(multi_, curl_.get());
        multi_ = nullptr;
        headers_.reset();
    }

    long http_status() const {
        long status = 0;
        ::curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
        return status;
    }

    /// Of the answer, or of an earlier one that redirected to it (counted from 0); empty when there is none.
    std::string header(const char* name, int request = -1) const {
        curl_header* found = nullptr;
        const CURLHcode code = ::curl_easy_header(curl_.get(), name, 0, CURLH_HEADER, request, &found);
        return code == CURLHE_OK ? found->value : "";
    }

    std::chrono::duration<double> wait() const {
        curl_off_t retry_after = 0;
        ::curl_easy_getinfo(curl_.get(), CURLINFO_RETRY_AFTER, &retry_after);
        if (retry_after > 0)
            return std::chrono::duration<double>(std::min(static_cast<double>(retry_after), kLongestWait));
        return std::chrono::duration<double>(
            std::min(options_.first_wait * std::exp2(failures_ - 1), kLongestBackOff));
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
            // As a bearer token curl sends it to this host only, not where it is redirected to.
            if (const std::string token = hub_token(); !token.empty()) {
                ::curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
                ::curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token.c_str());
            }
        }
        ::curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
        ::curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_);
        ::curl_easy_setopt(curl, CURLOPT_USERAGENT, "autoresearch");
        ::curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
        ::curl_easy_setopt(curl, CURLOPT_MAXREDIRS, long{kMostRedirects});
        ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kStallSeconds);
        ::curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        ::curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
        ::curl_easy_setopt(curl, CURLOPT_PRIVATE, this);
        ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
        ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Transfer::on_bytes);
        if (size_ == 0) return;
        headers_.reset(::curl_slist_append(nullptr, ("If-Range: " + tag_).c_str()));
        ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers_.get());
        ::curl_easy_setopt(curl, CURLOPT_RANGE, (std::to_string(size_) + "-").c_str());
    }

    static std::size_t on_bytes(const char* bytes, std::size_t, std::size_t count, Transfer* self) {
        try {
            return self->take({bytes, count}) ? count : 0;
        } catch (...) {
            self->problem_ = std::current_exception();  // curl is C
            return 0;
        }
    }

    /// False when these bytes are not of the file.
    bool take(std::string_view bytes) {
        const long status = http_status();
        if (status != 200 && status != 206) return true;  // the text of an error
        if (!begun_ && !begin(status)) return false;
        write_all(fd_.get(), bytes, part_.string());
        size_ += static_cast<std::int64_t>(bytes.size());
        return true;
    }

    /// The first bytes of an answer: from where on, how many in all, of which version. False when they do not
    /// follow on what we have.
    bool begin(long status) {
        const bool partial = status == 206;
        const std::string range = header("content-range");  // bytes FIRST-LAST/TOTAL
        const std::int64_t first = partial ? std::max<std::int64_t>(0, number_at(range, 6)) : 0;
        total_ = partial ? number_at(range, range.find('/') + 1) : number_at(header("content-length"), 0);
        const std::string etag = header("etag");
        const std::string tag = etag.rfind('"', 0) == 0 ? etag : header("last-modified");  // not a weak one
        begun_ = first == size_ && (first == 0 || tag == tag_);
        if (!begun_) cut();
        if (first == 0) begun_ = true;
        tag_ = begun_ ? tag : "";
        write_file(tag_file_, tag_ + "\n");
        return begun_;
    }

    void cut() {
        if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0)
            throw_errno("cannot write " + part_.string());
        size_ = 0;
    }

    /// huggingface.co names the SHA-256 of large files where it redirects to them.
    bool checked() const {
        std::string named;
        for (int request = 0; request <= kMostRedirects && named.empty(); ++request)
            named = header("x-linked-etag", request);
        if (named.size() != 66) return true;  // quotes, 64 digits
        const std::string digits = sha256_of(part_);
        return digits.empty() || named == '"' + digits + '"';
    }

    void complete() {
        flush_to_disk(fd_.get(), part_.string());
        fs::rename(part_, download_.file);
        fs::remove(tag_file_);
        flush_directory(download_.file.parent_path());
        done_ = true;
    }

    [[noreturn]] void give_up(const std::string& why, long status) const {
        std::string hint = "the same command goes on from where it was";
        if (status == 401 || status == 403)
            hint = "the server wants to know who asks; for huggingface.co set HF_TOKEN";
        if (status == 404 || status == 410) hint = "check the address in corpora.json, or HF_ENDPOINT";
        throw UserError("cannot download " + download_.url + ": " + why, hint);
    }

    const Download& download_;
    const DownloadOptions& options_;
    const fs::path part_, tag_file_;
    std::unique_ptr<CURL, void (*)(CURL*)> curl_;
    std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers_{nullptr, ::curl_slist_free_all};
    CURLM* multi_ = nullptr;
    char error_[CURL_ERROR_SIZE] = "";
    bool begun_ = false;  // to take the bytes of this answer
    std::string tag_;     // of the version that the bytes in part_ are of
    std::exception_ptr problem_;
    Fd fd_;
    std::int64_t size_ = 0, total_ = -1, most_bytes_ = 0;
    int failures_ = 0;
    Clock::time_point not_before_ = Clock::now();
    bool done_ = false;
};

/// "downloading, 2 of 11 files done, 12.3 MB/s, 4:05 left"
class Report {
  public:
    void tell(const std::vector<std::unique_ptr<Transfer>>& transfers,
              const std::function<void(const std::string&, double)>& progress) {
        double bytes = 0, known = 0, of_known = 0;
        int done = 0, sized = 0;
        for (const auto& transfer : transfers) {
            bytes += static_cast<double>(transfer->bytes());
            done += transfer->done() ? 1 : 0;
            if (transfer->total() <= 0) continue;
            ++sized;
            known += static_cast<double>(transfer->total());
            of_known += static_cast<double>(transfer->bytes());
        }
        if (first_ < 0) first_ = bytes;
        const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
        const double rate = (bytes - first_) / std::max(seconds, 0.1);
        // Files whose size is not known yet are taken to be like the others.
        const double all = sized == 0 ? 0 : known * static_cast<double>(transfers.size()) / sized;
        char text[160];
        const int length = std::snprintf(text, sizeof text, "downloading, %d of %zu files done, %.1f MB/s",
                                         done, transfers.size(), rate / 1e6);
        if (all > 0 && rate > 0) {
            const auto left = static_cast<long>(std::max(0.0, all - of_known) / rate);
            std::snprintf(text + length, sizeof text - length, ", %ld:%02ld left", left / 60, left % 60);
        }
        progress(text, all > 0 ? std::min(1.0, of_known / all) : 0);
    }

  private:
    const Clock::time_point start_ = Clock::now();
    double first_ = -1;  // bytes that were there before
};

}  // namespace

void download_all(const std::vector<Download>& downloads, const DownloadOptions& options) {
    static const CURLcode ready = ::curl_global_init(CURL_GLOBAL_DEFAULT);
    const auto missing = [](const Download& download) { return !fs::exists(download.file); };
    if (ready != CURLE_OK || std::none_of(downloads.begin(), downloads.end(), missing)) return;
    const Fd lock = wait_for_lock(downloads.front().file.parent_path() / ".lock", [&] {
        if (options.progress) options.progress("waiting for another prepare", 0);
    });
    const std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi(::curl_multi_init(), ::curl_multi_cleanup);
    std::vector<std::unique_ptr<Transfer>> transfers;
    for (const Download& download : downloads)
        if (missing(download)) transfers.push_back(std::make_unique<Transfer>(download, options));
    Report report;
    const auto is_done = [](const auto& transfer) { return transfer->done(); };
    const auto is_active = [](const auto& transfer) { return transfer->active(); };
    while (!std::all_of(transfers.begin(), transfers.end(), is_done)) {
        for (const auto& transfer : transfers)
            if (transfer->may_start() &&
                std::count_if(transfers.begin(), transfers.end(), is_active) < options.at_once)
                transfer->start(multi.get());
        int running = 0, left = 0;
        ::curl_multi_perform(multi.get(), &running);
        while (const CURLMsg* const message = ::curl_multi_info_read(multi.get(), &left)) {
            Transfer* transfer = nullptr;
            ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
            transfer->finish(message->data.result);
        }
        if (options.progress) report.tell(transfers, options.progress);
        ::curl_multi_poll(multi.get(), nullptr, 0, running > 0 ? 200 : 10, nullptr);
    }
}

}  // namespace autoresearch
