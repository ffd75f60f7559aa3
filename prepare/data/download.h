#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace autoresearch {

struct Download {
    std::string url;
    std::filesystem::path file;  // where it shall stand; a file that is there already is not asked for again
};

struct DownloadOptions {
    /// Some times a second, on the caller's thread; `what` names rate and time left. May throw to stop.
    std::function<void(const std::string& what, double share)> progress = [](const auto&, double) {};
    double first_wait = 1;  // seconds
    int most_failures = 6;
    int at_once = 4;
};

/// Fetches what is missing, several files at once. What has come of a file stands in FILE.part, so that the
/// next call goes on from there (unless the server's copy has changed meanwhile); FILE itself is always
/// whole. Broken connections, 429 and 5xx are tried again, after a wait that doubles, or as long as
/// Retry-After says, until `most_failures` in a row bring not one byte more. Proxies by the usual variables
/// (https_proxy, no_proxy, ...); HF_ENDPOINT and HF_TOKEN for huggingface.co. Throws UserError for what does
/// not get better by itself. One process at a time.
void download_all(const std::vector<Download>& downloads, const DownloadOptions& options);

}  // namespace autoresearch
