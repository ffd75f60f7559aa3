#include "prepare/data/download.h"

#include <curl/curl.h>
#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#include <utility>

#include "autoresearch/error.h"
#include "prepare/data/workshop.h"
#include "util/atomic_file.h"
#include "util/fd.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kHub = "https://huggingface.co";
constexpr long kStallSeconds = 30;
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

bool worth_another_try(CURLcode code) {
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_CONNECT:
        case CURLE_PARTIAL_FILE:
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
            return true;
        default:
            return false;
    }
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

    CURL* handle() const { return curl_.get(); }
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
        hub_etag_.clear();
        set_up();
        multi_ = multi;
        ::curl_multi_add_handle(multi_, curl_.get());
    }

    /// After curl is through with this attempt.
    void finish(CURLcode code) {
        long status = 0;
        curl_off_t retry_after = 0;
        ::curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
        ::curl_easy_getinfo(curl_.get(), CURLINFO_RETRY_AFTER, &retry_after);
        stop();
        if (problem_) std::rethrow_exception(problem_);
        if (status == 416) cut();  // what we have is no beginning of what is there now
        const bool came = code == CURLE_OK && (status == 200 || status == 206);
        if (came && !answer_.empty()) begin(status);  // not a byte came
        const bool whole = came && (total_ < 0 || size_ == total_);
        if (whole && checked()) return complete();
        std::string why = code == CURLE_OK
                              ? "HTTP status " + std::to_string(status)
                              : std::string(error_[0] != '\0' ? error_ : ::curl_easy_strerror(code));
        if (came) why = std::to_string(size_) + " bytes came instead of " + std::to_string(total_);
        if (whole) why = "its checksum is not the one that the server names";
        if (whole || (came && size_ > total_)) cut();
        const bool again = came || status == 416 || std::exchange(changed_, false) ||
                           (code == CURLE_OK ? worth_another_try(status) : worth_another_try(code));
        failures_ = size_ > most_bytes_ ? 1 : failures_ + 1;
        most_bytes_ = std::max(most_bytes_, size_);
        if (!again || failures_ >= options_.most_failures) give_up(why, status);
        const double back_off = std::min(options_.first_wait * std::exp2(failures_ - 1), kLongestBackOff);
        const double wait =
            retry_after > 0 ? std::min(static_cast<double>(retry_after), kLongestWait) : back_off;
        not_before_ =
            Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(wait));
    }

  private:
    void stop() {
        if (multi_ != nullptr) ::curl_multi_remove_handle(multi_, curl_.get());
        multi_ = nullptr;
        headers_.reset();
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
        ::curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
        ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kStallSeconds);
        ::curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        ::curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
        ::curl_easy_setopt(curl, CURLOPT_PRIVATE, this);
        ::curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
        ::curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
        ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
        ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Transfer::on_bytes);
        if (size_ == 0) return;
        headers_.reset(::curl_slist_append(nullptr, ("If-Range: " + tag_).c_str()));
        ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers_.get());
        ::curl_easy_setopt(curl, CURLOPT_RANGE, (std::to_string(size_) + "-").c_str());
    }

    static std::size_t on_header(const char* text, std::size_t, std::size_t bytes, Transfer* self) {
        const std::string_view line = trim({text, bytes});
        const std::size_t colon = std::min(line.find(':'), line.size());
        std::string name(line.substr(0, colon));
        for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        if (name.rfind("http/", 0) == 0) self->answer_.clear();  // of a redirect, or a proxy
        if (colon == line.size()) return bytes;
        self->answer_[name] = trim(line.substr(colon + 1));
        if (name == "x-linked-etag") self->hub_etag_ = self->answer_[name];
        return bytes;
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
        long status = 0;
        ::curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
        if (status != 200 && status != 206) return true;  // the text of an error
        if (!answer_.empty() && !begin(status)) return false;
        write_all(fd_.get(), bytes, part_.string());
        size_ += static_cast<std::int64_t>(bytes.size());
        return true;
    }

    /// The first bytes of an answer: from where on, how many in all, of which version. False when they do not
    /// follow on what we have.
    bool begin(long status) {
        const std::string range = answer_["content-range"];  // bytes FIRST-LAST/TOTAL
        const std::int64_t first =
            status == 206 && range.size() > 6 ? std::strtoll(range.c_str() + 6, nullptr, 10) : 0;
        const std::string etag = answer_["etag"];
        const std::string tag =
            !etag.empty() && etag[0] == '"' ? etag : answer_["last-modified"];  // not a weak one
        if (first != size_ || (first > 0 && tag != tag_)) cut();
        changed_ = first > size_;
        tag_ = changed_ ? "" : tag;
        write_file(tag_file_, tag_ + "\n");
        if (changed_) return false;
        const std::size_t slash = std::min(range.find('/'), range.size() - 1);
        if (status == 206) {
            total_ = !range.empty() && std::isdigit(static_cast<unsigned char>(range[slash + 1])) != 0
                         ? std::strtoll(range.c_str() + slash + 1, nullptr, 10)
                         : -1;
        } else {
            total_ = answer_.count("content-length") > 0
                         ? std::strtoll(answer_["content-length"].c_str(), nullptr, 10)
                         : -1;
        }
        answer_.clear();
        return true;
    }

    void cut() {
        if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0)
            throw_errno("cannot write " + part_.string());
        size_ = 0;
    }

    /// huggingface.co names the SHA-256 of large files where it redirects to them.
    bool checked() const {
        if (hub_etag_.size() != 66) return true;  // quotes, 64 digits
        const std::string digits = sha256_of(part_);
        return digits.empty() || hub_etag_ == '"' + digits + '"';
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
    std::map<std::string, std::string> answer_;  // headers; empty once they are dealt with
    std::string tag_;                            // of the version that the bytes in part_ are of
    std::string hub_etag_;
    bool changed_ = false;  // the server's copy, against those
    std::exception_ptr problem_;
    Fd fd_;
    std::int64_t size_ = 0, total_ = -1, most_bytes_ = 0;
    int failures_ = 0;
    Clock::time_point not_before_ = Clock::now();
    bool done_ = false;
};

/// "downloading 2 of 11, 12.3 MB/s, 4:05 left"
class Report {
  public:
    explicit Report(const DownloadOptions& options) : options_(options) {}

    void tell(const std::vector<std::unique_ptr<Transfer>>& transfers) {
        std::int64_t bytes = 0, known = 0, of_known = 0;
        std::size_t done = 0, sized = 0;
        for (const auto& transfer : transfers) {
            bytes += transfer->bytes();
            done += transfer->done() ? 1 : 0;
            if (transfer->total() <= 0) continue;
            ++sized;
            known += transfer->total();
            of_known += transfer->bytes();
        }
        const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
        if (!begun_) first_ = bytes;
        begun_ = true;
        const double rate = static_cast<double>(bytes - first_) / std::max(seconds, 0.1);
        // Files whose size is not known yet are taken to be like the others.
        const double all = sized == 0 ? 0
                                      : static_cast<double>(known) / static_cast<double>(sized) *
                                            static_cast<double>(transfers.size());
        char text[120];
        std::snprintf(text, sizeof text, "downloading, %zu of %zu files done, %.1f MB/s", done,
                      transfers.size(), rate / 1e6);
        std::string what = text;
        if (all > 0 && rate > 0) {
            const auto left = static_cast<long>(std::max(0.0, all - static_cast<double>(of_known)) / rate);
            std::snprintf(text, sizeof text, ", %ld:%02ld left", left / 60, left % 60);
            what += text;
        }
        options_.progress(what, all > 0 ? std::min(1.0, static_cast<double>(of_known) / all) : 0);
    }

  private:
    const DownloadOptions& options_;
    const Clock::time_point start_ = Clock::now();
    std::int64_t first_ = 0;  // bytes that were there before
    bool begun_ = false;
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
    Report report(options);
    const auto all_done = [&] {
        return std::all_of(transfers.begin(), transfers.end(), [](const auto& t) { return t->done(); });
    };
    while (!all_done()) {
        auto active =
            std::count_if(transfers.begin(), transfers.end(), [](const auto& t) { return t->active(); });
        for (const auto& transfer : transfers) {
            if (active >= options.at_once || !transfer->may_start()) continue;
            transfer->start(multi.get());
            ++active;
        }
        int running = 0, left = 0;
        ::curl_multi_perform(multi.get(), &running);
        while (const CURLMsg* const message = ::curl_multi_info_read(multi.get(), &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            Transfer* transfer = nullptr;
            ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
            transfer->finish(message->data.result);
        }
        if (options.progress) report.tell(transfers);
        if (!all_done()) ::curl_multi_poll(multi.get(), nullptr, 0, running > 0 ? 200 : 10, nullptr);
    }
}

}  // namespace autoresearch
