#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "autoresearch/error.h"
#include "early_child.h"
#include "http_server.h"
#include "prepare/corpus/prepare.h"
#include "prepare/fetch/download.h"
#include "temp_directory.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using Request = HttpServer::Request;
using Reply = HttpServer::Reply;

/// An environment variable for the length of a test.
class Variable {
  public:
    Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
    ~Variable() { ::unsetenv(name_.c_str()); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

  private:
    const std::string name_;
};

class DownloadTest : public ::testing::Test {
  protected:
    DownloadTest() {
        for (int i = 0; i < 40000; ++i) body_ += std::to_string(i) + " ";
        options_.first_wait = 0.002;
    }

    std::string fetched(const HttpServer& server, const std::string& path = "/file") {
        download_all({{server.url(path), file_}}, options_);
        EXPECT_FALSE(fs::exists(part_));
        EXPECT_FALSE(fs::exists(part_.string() + ".tag"));
        return read_text(file_);
    }

    std::string complaint(const HttpServer& server) {
        try {
            download_all({{server.url("/file"), file_}}, options_);
            return "";
        } catch (const UserError& error) {
            EXPECT_FALSE(fs::exists(file_));
            return std::string(error.what()) + " | " + error.hint();
        }
    }

    std::string body_;
    DownloadOptions options_;
    TempDirectory folder_;
    const fs::path file_ = folder_ / "d/file", part_ = folder_ / "d/file.part";
    std::string where_;
    Variable home_{"HF_HOME", folder_.path().string()};  // no token of the person's own
};

TEST_F(DownloadTest, BringsTheFileOnce) {
    const HttpServer server(
        [&](const Request& request) { return HttpServer::serve(request, body_, "\"a\""); });
    EXPECT_EQ(fetched(server), body_);
    EXPECT_EQ(fetched(server), body_);
    ASSERT_EQ(server.requests().size(), 1U);
    EXPECT_EQ(server.requests()[0].header("authorization"), "");
    EXPECT_EQ(server.requests()[0].header("range"), "");
}

TEST_F(DownloadTest, SeveralAtOnceButNotTooMany) {
    std::atomic<int> now{0}, most{0};
    const HttpServer server([&](const Request& request) {
        most = std::max(most.load(), ++now);
        std::this_thread::sleep_for(std::chrono::milliseconds(60));
        --now;
        return Reply{200, {}, "content of " + request.target};
    });
    std::vector<Download> downloads;
    for (int i = 0; i < 9; ++i) {
        const std::string name = "/" + std::to_string(i);
        downloads.push_back({server.url(name), folder_ / ("d" + name)});
    }
    options_.at_once = 3;
    std::vector<double> shares;
    std::string what;
    options_.progress = [&](const std::string& text, double share) {
        what = text;
        shares.push_back(share);
    };
    download_all(downloads, options_);
    for (int i = 0; i < 9; ++i)
        EXPECT_EQ(read_text(downloads[static_cast<std::size_t>(i)].file), "content of /" + std::to_string(i));
    EXPECT_GE(most, 2);
    EXPECT_LE(most, 3);
    EXPECT_EQ(shares.back(), 1);
    EXPECT_EQ(what.rfind("downloading, 9 of 9 files done", 0), 0U) << what;
}

TEST_F(DownloadTest, GoesOnWhereTheConnectionBroke) {
    const HttpServer server([&](const Request& request) {
        Reply reply = HttpServer::serve(request, body_, "\"a\"");
        reply.hang_up_after = 50000;
        return reply;
    });
    EXPECT_EQ(fetched(server), body_);
    const auto requests = server.requests();
    EXPECT_EQ(requests.size(), (body_.size() + 49999) / 50000);
    EXPECT_EQ(requests[1].header("range"), "bytes=50000-");
}

TEST_F(DownloadTest, GoesOnWhereTheServerDoesNotNameTheLength) {
    folder_.write("d/file.part", body_.substr(0, 1000));
    folder_.write("d/file.part.tag", "\"a\"\n");
    const HttpServer server([&](const Request& request) {
        Reply reply = HttpServer::serve(request, body_, "\"a\"");
        reply.headers.back() = "Content-Range: bytes 1000-" + std::to_string(body_.size() - 1) + "/*";
        return reply;
    });
    EXPECT_EQ(fetched(server), body_);
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(DownloadTest, StartsAnewWhereTheServerCannotGoOn) {
    int asked = 0;
    const HttpServer server([&](const Request&) {
        return Reply{200, {"ETag: \"a\""}, body_, ++asked < 3 ? 1000 : std::string::npos};
    });
    EXPECT_EQ(fetched(server), body_);
}

TEST_F(DownloadTest, NeverMixesTwoVersions) {
    const std::string newer = "new" + body_ + "new";
    for (const bool knows_if_range : {true, false}) {
        int asked = 0;
        const HttpServer server([&](Request request) {
            if (!knows_if_range) request.headers.erase("if-range");
            const bool first = ++asked == 1;
            Reply reply = HttpServer::serve(request, first ? body_ : newer, first ? "\"a\"" : "\"b\"");
            if (first) reply.hang_up_after = 70000;
            return reply;
        });
        fs::remove(file_);
        EXPECT_EQ(fetched(server), newer) << knows_if_range;
    }
}

TEST_F(DownloadTest, WithoutAVersionNothingIsContinued) {
    int asked = 0;
    const HttpServer server([&](const Request& request) {
        EXPECT_EQ(request.header("range"), "");
        return Reply{200, {"ETag: W/\"weak\""}, body_, ++asked < 2 ? 1000 : std::string::npos};
    });
    EXPECT_EQ(fetched(server), body_);
}

TEST_F(DownloadTest, WaitsAsLongAsRetryAfterSays) {
    for (const int status : {429, 503}) {
        int asked = status == 503 ? -1 : 0;  // 503 twice, without a word on when
        const HttpServer server([&](const Request& request) {
            if (++asked > 1) return HttpServer::serve(request, body_, "\"a\"");
            return status == 429 ? Reply{429, {"Retry-After: 1"}, "later"} : Reply{503};
        });
        fs::remove(file_);
        const auto start = std::chrono::steady_clock::now();
        EXPECT_EQ(fetched(server), body_);
        EXPECT_GE(std::chrono::steady_clock::now() - start,
                  std::chrono::milliseconds(status == 429 ? 950 : 0));
    }
}

TEST_F(DownloadTest, GivesUpWhenNothingComesAnyMore) {
    const HttpServer server([&](const Request&) { return Reply{500, {}, "the text of an error"}; });
    EXPECT_NE(complaint(server).find("error: 500"), std::string::npos);
    EXPECT_EQ(server.requests().size(), static_cast<std::size_t>(options_.most_failures));
}

TEST_F(DownloadTest, WhatDoesNotGetBetterIsSaidAtOnce) {
    int status = 404;
    const HttpServer server([&](const Request&) { return Reply{status, {}, "no"}; });
    EXPECT_NE(complaint(server).find("error: 404 | check the address"), std::string::npos);
    status = 401;
    EXPECT_NE(complaint(server).find("set HF_TOKEN"), std::string::npos);
    EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(DownloadTest, ANobodyIsTriedAgain) {
    std::string url;
    {
        const HttpServer server([&](const Request&) { return Reply{}; });
        url = server.url("/file");
    }
    options_.most_failures = 3;
    EXPECT_THROW(download_all({{url, file_}}, options_), UserError);
}

TEST_F(DownloadTest, FollowsRedirectsButNotForEver) {
    const HttpServer server([&](const Request& request) {
        if (request.target == "/file")
            return Reply{302, {"Location: /there", "ETag: \"of the redirect\""}, "see there"};
        if (request.target == "/loop") return Reply{302, {"Location: /loop"}};
        Reply reply = HttpServer::serve(request, body_, "\"a\"");
        reply.hang_up_after = 100000;
        return reply;
    });
    EXPECT_EQ(fetched(server), body_);
    EXPECT_THROW(download_all({{server.url("/loop"), folder_ / "d/loop"}}, options_), UserError);
}

TEST_F(DownloadTest, ALengthThatIsNotKeptIsNoWholeFile) {
    const HttpServer more([&](const Request&) {
        return Reply{200, {"Content-Length: " + std::to_string(body_.size() + 10), "ETag: \"a\""}, body_};
    });
    EXPECT_NE(complaint(more), "");
    fs::remove_all(folder_ / "d");
    const HttpServer other_part([&](const Request& request) {
        Reply reply = HttpServer::serve(request, body_, "\"a\"");
        if (request.from() == 0) reply.hang_up_after = 1000;
        if (request.from() > 0)
            reply.headers.back() = "Content-Range: bytes 2000-2999/" + std::to_string(body_.size());
        return reply;
    });
    EXPECT_NE(complaint(other_part), "");
    fs::remove_all(folder_ / "d");
    const HttpServer short_part([&](const Request& request) {
        Reply reply = HttpServer::serve(request, body_, "\"a\"");
        if (request.from() == 0) reply.hang_up_after = 1000;
        if (request.from() > 0)
            reply.body.resize(1);  // says all the rest comes, sends a byte and a fitting length
        return reply;
    });
    options_.progress = [&, calls = 0](const std::string&, double) mutable {
        if (++calls > 40) throw std::runtime_error("enough");  // it would take a request for each byte
    };
    EXPECT_THROW(complaint(short_part), std::runtime_error);
    EXPECT_FALSE(fs::exists(file_));
    EXPECT_EQ(read_text(part_), body_.substr(0, fs::file_size(part_)));
}

TEST_F(DownloadTest, APartLongerThanTheFileIsDropped) {
    folder_.write("d/file.part", body_ + "more");
    folder_.write("d/file.part.tag", "\"a\"\n");
    const HttpServer server(
        [&](const Request& request) { return HttpServer::serve(request, body_, "\"a\""); });
    EXPECT_EQ(fetched(server), body_);
}

TEST_F(DownloadTest, AnEmptyFileIsAFile) {
    const HttpServer server([&](const Request& request) { return HttpServer::serve(request, "", "\"a\""); });
    EXPECT_EQ(fetched(server), "");
    EXPECT_TRUE(fs::exists(file_));
}

TEST_F(DownloadTest, AFileInPiecesWithoutALength) {
    const HttpServer server([&](const Request&) {
        return Reply{200, {"Transfer-Encoding: chunked"}, "3\r\none\r\n4\r\nmore\r\n0\r\n\r\n"};
    });
    EXPECT_EQ(fetched(server), "onemore");
}

TEST_F(DownloadTest, StoppedAndKilledItGoesOn) {
    std::atomic<bool> broken{true};
    EarlyChild child([&](const std::string& url) {
        options_.first_wait = 100;
        options_.progress = [&](const std::string&, double) {
            if (fs::file_size(part_) == 60000U) raise(SIGKILL);
        };
        download_all({{url, file_}}, options_);
    });
    const HttpServer server([&](const Request& request) {
        Reply reply = HttpServer::serve(request, body_, "\"a\"");
        if (broken) reply.hang_up_after = 30000;
        return reply;
    });
    options_.first_wait = 100;
    options_.progress = [&](const std::string&, double) {
        if (fs::exists(part_) && fs::file_size(part_) == 30000) throw std::runtime_error("stopped");
    };
    EXPECT_THROW(fetched(server), std::runtime_error);
    EXPECT_EQ(fs::file_size(part_), 30000U);
    const int status = child.run(server.url("/file"));
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    EXPECT_EQ(fs::file_size(part_), 60000U);
    options_.progress = [](const std::string&, double) {};
    broken = false;
    EXPECT_EQ(fetched(server), body_);
    ASSERT_EQ(server.requests().size(), 3U);
    EXPECT_EQ(server.requests()[2].from(), 60000U);
}

TEST_F(DownloadTest, WhatAnotherUserBeganIsFetchedAnew) {
    if (::getuid() != 0) GTEST_SKIP() << "only root can be two users";
    for (const char* name : {"d/file.part", "d/file.part.tag"})
        fs::permissions(folder_.write(name, "of root"), fs::perms(0644));
    for (const fs::path& shared : {folder_.path(), folder_ / "d"}) fs::permissions(shared, fs::perms(0777));
    EarlyChild anybody([&](const std::string& url) {
        if (::setuid(65534) != 0) ::_exit(3);
        download_all({{url, file_}}, options_);
    });
    const HttpServer server(
        [&](const Request& request) { return HttpServer::serve(request, body_, "\"a\""); });
    EXPECT_EQ(anybody.run(server.url("/file")), 0);
    EXPECT_EQ(read_text(file_), body_);
}

TEST_F(DownloadTest, TheHubIsAskedAsItsUsersExpect) {
    const HttpServer server([&](const Request& request) {
        if (request.target == "/hub/x/file") return Reply{302, {"Location: " + where_}, ""};
        return HttpServer::serve(request, body_, "\"a\"");
    });
    where_ = server.url("/cdn", "localhost");
    const Variable endpoint("HF_ENDPOINT", server.url("/hub/")), token("HF_TOKEN", "hf_secret");
    download_all({{"https://huggingface.co/x/file", file_}}, options_);
    EXPECT_EQ(read_text(file_), body_);
    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), 2U);
    EXPECT_EQ(requests[0].header("authorization"), "Bearer hf_secret");
    EXPECT_EQ(requests[1].header("authorization"), "") << "another host must not see the token";
    download_all({{server.url("/other"), folder_ / "d/other"}}, options_);
    EXPECT_EQ(server.requests()[2].header("authorization"), "");
}

TEST_F(DownloadTest, AChecksumThatTheHubNamesIsChecked) {
    bool wrong = true;
    const HttpServer server([&](const Request& request) {
        if (request.target == "/there") return HttpServer::serve(request, "abc", "\"a\"");
        const std::string rest =
            "a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // of sha256("abc")
        return Reply{
            302, {"Location: /there", "X-Linked-ETag: \"" + std::string(wrong ? "c" : "b") + rest + "\""}};
    });
    options_.most_failures = 2;
    EXPECT_NE(complaint(server).find("its checksum is not"), std::string::npos);
    wrong = false;
    EXPECT_EQ(fetched(server), "abc");
}

TEST_F(DownloadTest, GoesThroughAProxy) {
    const HttpServer proxy(
        [&](const Request& request) { return HttpServer::serve(request, body_, "\"a\""); });
    const Variable variable("http_proxy", proxy.url(""));
    download_all({{"http://nowhere.invalid/file", file_}}, options_);
    EXPECT_EQ(read_text(file_), body_);
    EXPECT_EQ(proxy.requests()[0].target, "http://nowhere.invalid/file");
}

TEST_F(DownloadTest, PrepareFetchesWhatTheCatalogNames) {
    const HttpServer server([&](const Request& request) {
        std::string lines;
        for (int i = 0; i < 60; ++i)
            lines +=
                nlohmann::json{{"text", request.target + " line " + std::to_string(i) + " of some words"}}
                    .dump() +
                "\n";
        return HttpServer::serve(request, lines, "\"a\"");
    });
    folder_.write("corpora.json", nlohmann::json{{"web",
                                                  {{"train", {server.url("/part_##.jsonl")}},
                                                   {"count", 9},
                                                   {"held_out", {server.url("/part_09.jsonl")}}}}}
                                      .dump());
    PrepareOptions options;
    options.request = {.corpus = "web", .vocab_size = 300, .seq_len = 16, .eval_tokens = 0, .shards = 2};
    options.data_root = folder_ / "data";
    options.corpora = folder_ / "corpora.json";
    const PreparedData data = prepare_data(options);
    EXPECT_EQ(data.meta.train_documents, 120);
    EXPECT_EQ(data.meta.val_documents + data.meta.test_documents, 60);
    EXPECT_EQ(server.requests().size(), 3U);
    EXPECT_TRUE(prepare_data(options).was_ready);
    EXPECT_EQ(server.requests().size(), 3U);
    EXPECT_TRUE(find_prepared(options.request, options.data_root));
    options.request.shards = 3;
    EXPECT_NE(prepare_data(options).meta.fingerprint, data.meta.fingerprint);
    EXPECT_EQ(server.requests().size(), 4U);
}

/// Lines of JSON that are different for each address.
std::string lines_of(const std::string& target, int count) {
    std::string lines;
    for (int i = 0; i < count; ++i)
        lines +=
            nlohmann::json{{"text", target + " line " + std::to_string(i) + " of some words"}}.dump() + "\n";
    return lines;
}

/// prepare of an entry in corpora.json.
class EntryTest : public DownloadTest {
  protected:
    EntryTest() {
        options_of_prepare_.request = {
            .corpus = "web", .vocab_size = 300, .seq_len = 16, .eval_tokens = 0, .shards = 9};
        options_of_prepare_.data_root = folder_ / "data";
        options_of_prepare_.corpora = folder_ / "corpora.json";
    }
    PreparedData prepared(const nlohmann::json& entry) {
        folder_.write("corpora.json", nlohmann::json{{"web", entry}}.dump());
        return prepare_data(options_of_prepare_);
    }

    PrepareOptions options_of_prepare_;
    const HttpServer server_{[](const Request& request) {
        return HttpServer::serve(request, lines_of(request.target, 400), "\"a\"");
    }};
    const fs::path kept_ = folder_ / "data/.downloads/web";
};

TEST_F(EntryTest, FilesOfOneNameAreKeptApart) {
    for (int again = 0; again < 2; ++again) {
        const DataMeta meta = prepared({{"train", {server_.url("/train/####.jsonl")}},
                                        {"count", 3},
                                        {"held_out", {server_.url("/valid/0000.jsonl")}}})
                                  .meta;
        EXPECT_EQ(meta.train_documents, 1200);
        EXPECT_EQ(meta.val_documents + meta.test_documents, 400);
        EXPECT_EQ(meta.dropped_duplicates, 0);
    }
    EXPECT_EQ(server_.requests().size(), 4U);
}

TEST_F(EntryTest, AddressesThatDifferInQueryOrHostAreTwo) {
    const auto documents = [](const DataMeta& meta) {
        return meta.train_documents + meta.val_documents + meta.test_documents;
    };
    EXPECT_EQ(documents(prepared({{"train",
                                   {server_.url("/get.jsonl?part=a/b"), server_.url("/get.jsonl?part=c/b")}}})
                            .meta),
              800);
    EXPECT_EQ(server_.requests().size(), 2U);
    EXPECT_EQ(prepared({{"train", {server_.url("/x.jsonl"), server_.url("/x.jsonl", "localhost")}}})
                      .meta.train_documents %
                  2,
              0)
        << "the same texts twice";
    EXPECT_EQ(server_.requests().size(), 4U);
    // Other address, same name: what the first one brought does not stand for it.
    const std::string before = prepared({{"train", {server_.url("/v1/x.jsonl")}}}).meta.fingerprint;
    EXPECT_NE(prepared({{"train", {server_.url("/v2/x.jsonl")}}}).meta.fingerprint, before);
    EXPECT_EQ(server_.requests().size(), 6U);
    // Named twice, fetched once.
    EXPECT_EQ(
        prepared({{"train", {server_.url("/y.jsonl"), server_.url("/y.jsonl")}}}).meta.train_documents % 2,
        0);
    EXPECT_EQ(server_.requests().size(), 7U);
    prepared({{"train", {server_.url("/" + std::string(300, 'n') + ".jsonl")}}});
}

TEST_F(EntryTest, DownloadsOfEarlierVersionsAreUsedWhereTheyAreClear) {
    folder_.write("data/.downloads/web/0.jsonl", lines_of("old 0", 60));
    folder_.write("data/.downloads/web/1.jsonl", lines_of("old 1", 60));
    const nlohmann::json clear = {{"train", {server_.url("/#.jsonl")}}, {"count", 3}};
    const std::string mixed = prepared(clear).meta.fingerprint;
    ASSERT_EQ(server_.requests().size(), 1U);
    EXPECT_EQ(server_.requests()[0].target, "/2.jsonl");
    // The order is that of the names, whichever way they are kept.
    folder_.write("same/0.jsonl", lines_of("old 0", 60));
    folder_.write("same/1.jsonl", lines_of("old 1", 60));
    folder_.write("same/2.jsonl", lines_of("/2.jsonl", 400));
    EXPECT_EQ(prepared({{"train", {"same/#.jsonl"}}, {"count", 3}}).meta.fingerprint, mixed);
    prepared({{"train", {server_.url("/a/0.jsonl"), server_.url("/b/0.jsonl")}}});
    EXPECT_EQ(server_.requests().size(), 3U) << "whose the old one is, nobody knows";
}

TEST_F(DownloadTest, ARefusedTokenIsNamedAndDoneWithout) {
    int refuse = 401;
    bool open = true;
    const HttpServer server([&](const Request& request) {
        if (!request.header("authorization").empty()) return Reply{refuse};
        return open ? HttpServer::serve(request, body_, "\"a\"") : Reply{401};
    });
    const Variable endpoint("HF_ENDPOINT", server.url(""));
    const auto fetch = [&] { return download_all({{"https://huggingface.co/x/file", file_}}, options_); };
    const auto complaint_of_hub = [&] {
        try {
            fetch();
            return std::string();
        } catch (const UserError& error) {
            return error.hint();
        }
    };
    folder_.write("token", "hf_of_file\n");
    EXPECT_EQ(fetch(), "the token of " + (folder_ / "token").string() + " was refused: fetched without it");
    EXPECT_EQ(read_text(file_), body_);
    EXPECT_EQ(server.requests()[0].header("authorization"), "Bearer hf_of_file");
    const Variable token("HF_TOKEN", "old");
    for (const int status : {401, 403}) {
        refuse = status;
        fs::remove(file_);
        EXPECT_EQ(fetch(), "the token of HF_TOKEN was refused: fetched without it");
        EXPECT_EQ(read_text(file_), body_);
    }
    fs::remove(file_);
    open = false;
    EXPECT_NE(complaint_of_hub().find("the token of HF_TOKEN was refused too"), std::string::npos);
    ::unsetenv("HF_TOKEN");
    fs::remove(folder_ / "token");
    EXPECT_NE(complaint_of_hub().find("set HF_TOKEN"), std::string::npos);
}

TEST_F(DownloadTest, ATokenThatIsTakenIsNotSpokenOf) {
    const HttpServer server([&](const Request& request) {
        return request.header("authorization") == "Bearer good" ? HttpServer::serve(request, body_, "\"a\"")
                                                                : Reply{401};
    });
    const Variable endpoint("HF_ENDPOINT", server.url("")), token("HF_TOKEN", " good\n");
    EXPECT_EQ(download_all({{"https://huggingface.co/x/file", file_}}, options_), "");
}

/// A server with a certificate of its own, which answers every GET with "body of PATH".
class OwnCertificateTest : public DownloadTest {
  protected:
    void SetUp() override {
        for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"})
            ::unsetenv(name);
        const std::string make = "cd '" + folder_.path().string() +
                                 "' && openssl req -x509 -newkey rsa:2048 -nodes -days 9 -keyout key.pem "
                                 "-out cert.pem -subj /CN=localhost "
                                 "-addext subjectAltName=IP:127.0.0.1 2>/dev/null";
        if (std::system(make.c_str()) != 0) GTEST_SKIP() << "no openssl here";
        folder_.write("server.py", R"(
import http.server, os, ssl
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("body of " + self.path).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(os.getpid(), server.server_address[1], flush=True)
server.serve_forever()
)");
        output_ = ::popen(
            ("cd '" + folder_.path().string() + "' && exec python3 server.py 2>/dev/null").c_str(), "r");
        ASSERT_EQ(std::fscanf(output_, "%d %d", &pid_, &port_), 2);
    }
    void TearDown() override {
        if (pid_ > 0) ::kill(pid_, SIGKILL);
        if (output_ != nullptr) ::pclose(output_);
    }
    std::string url(const std::string& path) const {
        return "https://127.0.0.1:" + std::to_string(port_) + path;
    }
    /// Hint of the error; empty: fetched.
    std::string hint() const {
        fs::remove(file_);
        try {
            download_all({{url("/file"), file_}}, options_);
            EXPECT_EQ(read_text(file_), "body of /file");
            return "";
        } catch (const UserError& error) {
            return error.hint();
        }
    }

    std::FILE* output_ = nullptr;
    int pid_ = 0, port_ = 0;
};

TEST_F(OwnCertificateTest, TheUsualVariablesNameIt) {
    EXPECT_NE(hint().find("CURL_CA_BUNDLE=FILE.pem"), std::string::npos);
    const std::string good = (folder_ / "cert.pem").string(), none = (folder_ / "none.pem").string();
    for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}) {
        {
            const Variable variable(name, good);
            EXPECT_EQ(hint(), "") << name;
        }
        const Variable variable(name, none);
        EXPECT_EQ(hint(), std::string(name) + " says to trust " + none + ": correct or unset it");
    }
}

TEST_F(OwnCertificateTest, AFolderOfThemAndAProxyToo) {
    const std::string link =
        "cd '" + folder_.path().string() +
        "' && mkdir certs && cp cert.pem certs/$(openssl x509 -hash -noout -in cert.pem).0";
    ASSERT_EQ(std::system(link.c_str()), 0);
    {
        const Variable variable("SSL_CERT_DIR", (folder_ / "certs").string());
        EXPECT_EQ(hint(), "");
    }
    const Variable proxy("http_proxy", url("")), variable("CURL_CA_BUNDLE", (folder_ / "cert.pem").string());
    download_all({{"http://nowhere.invalid/x", folder_ / "d/x"}}, options_);
    EXPECT_EQ(read_text(folder_ / "d/x"), "body of http://nowhere.invalid/x");
}

TEST_F(DownloadTest, AProxyThatWantsALoginIsSaid) {
    const HttpServer proxy(
        [&](const Request&) { return Reply{407, {"Proxy-Authenticate: Basic realm=\"x\""}}; });
    for (const char* scheme : {"http", "https"}) {
        const Variable variable((std::string(scheme) + "_proxy").c_str(), proxy.url(""));
        try {
            download_all({{std::string(scheme) + "://nowhere.invalid/file", file_}}, options_);
            ADD_FAILURE() << "fetched";
        } catch (const UserError& error) {
            EXPECT_NE(error.hint().find("the proxy wants a login"), std::string::npos) << error.what();
        }
    }
    EXPECT_EQ(proxy.requests().size(), 2U);
}

// A gigabyte is not fetched to be refused then.
TEST_F(DownloadTest, WhatCannotBeReadIsNotFetched) {
    const HttpServer server([&](const Request&) { return Reply{200, {}, "something"}; });
    nlohmann::json corpora;
    for (const char* file : {"a_##.parquet", "a.parquet.gz", "a.tar", "a.txt"})
        corpora[file] = {{"train", {server.url(std::string("/") + file)}}, {"count", 9}};
    PrepareOptions options;
    options.data_root = folder_ / "data";
    options.corpora = folder_.write("corpora.json", corpora.dump());
    options.parquet_reader = {(folder_ / "nothing").string()};
    const auto expect_refused = [&](const std::string& words) {
        for (const auto& act :
             {std::function<void()>([&] { prepare_data(options); }), {[&] { check_request(options); }}}) {
            try {
                act();
                ADD_FAILURE() << options.request.corpus << " is taken";
            } catch (const UserError& error) {
                EXPECT_NE((error.what() + (" | " + error.hint())).find(words), std::string::npos)
                    << error.what() << error.hint();
            }
        }
    };
    options.request.corpus = "a_##.parquet";
    expect_refused("nothing is missing | run scripts/setup");
    for (const char* corpus : {"a.parquet.gz", "a.tar"}) {
        options.request.corpus = corpus;
        expect_refused("cannot read files of this kind: " + options.request.corpus);
    }
    options.request.corpus = "a.txt";
    options.request.split_pattern = "(";
    expect_refused("the split pattern");
    EXPECT_EQ(server.requests().size(), 0U);
    EXPECT_FALSE(fs::exists(options.data_root / ".downloads"));
}

TEST_F(DownloadTest, WhatTheDiskCannotHoldIsNotFetched) {
    const HttpServer server([&](const Request&) {
        return Reply{200, {"Content-Length: 1000000000000000", "ETag: \"a\""}, body_};
    });
    options_.first_wait = 100;
    EXPECT_NE(complaint(server).find("no room for the download: 1000"), std::string::npos);
    EXPECT_EQ(server.requests().size(), 1U);
}

}  // namespace
}  // namespace autoresearch
