#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace autoresearch {

struct Download {
    std::string url;
    std::filesystem::path file;  // where to put it; an existing file is not fetched again
};

struct DownloadOptions {
    /// Called a few times a second, on the caller's thread; `what` gives rate and time left. May throw to
    /// stop.
    std::function<void(const std::string& what, double share)> progress = [](const auto&, double) {};
    double first_wait = 1;  // seconds
    int most_failures = 6;
    int at_once = 4;
};

/// Fetches what is missing, several files at once. FILE.part holds what has arrived so far, so that the next
/// call resumes from there (unless the server's copy has changed); FILE itself is always whole. Broken
/// connections, 429 and 5xx are retried, after a wait that doubles, or as long as Retry-After says, until
/// `most_failures` attempts in a row bring no further byte. Proxies come from the usual variables
/// (https_proxy, no_proxy, ...), certificates too (CURL_CA_BUNDLE, SSL_CERT_FILE, ...); HF_ENDPOINT and
/// HF_TOKEN for huggingface.co. Where the token is refused, it asks without; returns a note for the person
/// then, else an empty text. Throws UserError for what retrying does not fix. One process at a time.
std::string download_all(const std::vector<Download>& downloads, const DownloadOptions& options);

}  // namespace autoresearch
