#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace autoresearch {

/// A real HTTP server on loopback that does as the test tells it; one connection for each request.
class HttpServer {
  public:
    struct Request {
        std::string target;
        std::map<std::string, std::string> headers;  // names in lower case
        std::string body = {};
        std::string header(const std::string& name) const {
            const auto found = headers.find(name);
            return found == headers.end() ? "" : found->second;
        }
        /// The first byte asked for.
        std::size_t from() const {
            const std::string range = header("range");
            return range.empty() ? 0 : std::stoul(range.substr(range.find('=') + 1));
        }
    };
    struct Reply {
        int status = 200;
        std::vector<std::string> headers = {};
        std::string body = {};
        std::size_t hang_up_after = std::string::npos;  // bytes of the body
    };
    using Handler = std::function<Reply(const Request&)>;

    explicit HttpServer(Handler handler)
        : handler_(std::move(handler)), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(socket_, 64) != 0 ||
            ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
            throw std::runtime_error("no loopback socket");
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { accept_all(); });
    }
    ~HttpServer() {
        stop_ = true;
        const int waker = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port_);
        ::connect(waker, reinterpret_cast<sockaddr*>(&address), sizeof address);
        thread_.join();
        for (std::thread& thread : connections_) thread.join();
        ::close(waker);
        ::close(socket_);
    }
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::string url(const std::string& path, const std::string& host = "127.0.0.1") const {
        return "http://" + host + ":" + std::to_string(port_) + path;
    }
    std::vector<Request> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

    /// What an honest server answers: all of `body`, or the part asked for unless If-Range names another
    /// version.
    static Reply serve(const Request& request, const std::string& body, const std::string& etag) {
        Reply reply{200, {"ETag: " + etag}, body};
        const std::string range = request.header("range");
        if (range.empty() || (!request.header("if-range").empty() && request.header("if-range") != etag))
            return reply;
        if (request.from() >= body.size())
            return {416, {"Content-Range: bytes */" + std::to_string(body.size())}};
        reply.status = 206;
        reply.headers.push_back("Content-Range: bytes " + std::to_string(request.from()) + "-" +
                                std::to_string(body.size() - 1) + "/" + std::to_string(body.size()));
        reply.body = body.substr(request.from());
        return reply;
    }

  private:
    void accept_all() {
        while (true) {
            const int connection = ::accept(socket_, nullptr, nullptr);
            if (stop_) {
                if (connection >= 0) ::close(connection);
                return;
            }
            if (connection >= 0) connections_.emplace_back([this, connection] { answer(connection); });
        }
    }

    void answer(int connection) {
        std::string text;
        char block[4096];
        while (text.find("\r\n\r\n") == std::string::npos) {
            const ssize_t got = ::recv(connection, block, sizeof block, 0);
            if (got <= 0) break;
            text.append(block, static_cast<std::size_t>(got));
        }
        if (text.find("\r\n\r\n") != std::string::npos) {
            Request request = parse(text);
            const std::string length = request.header("content-length");
            request.body = text.substr(text.find("\r\n\r\n") + 4);
            while (!length.empty() && request.body.size() < std::stoul(length)) {
                const ssize_t got = ::recv(connection, block, sizeof block, 0);
                if (got <= 0) break;
                request.body.append(block, static_cast<std::size_t>(got));
            }
            {
                const std::lock_guard lock(mutex_);
                requests_.push_back(request);
            }
            send_all(connection, handler_(request));
        }
        ::close(connection);
    }

    static Request parse(const std::string& text) {
        Request request;
        std::istringstream lines(text);
        std::string line;
        std::getline(lines, line);
        request.target = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
        while (std::getline(lines, line) && line.size() > 1) {
            std::string name = line.substr(0, line.find(':'));
            for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            request.headers[name] = line.substr(name.size() + 2, line.size() - name.size() - 3);
        }
        return request;
    }

    static void send_all(int connection, const Reply& reply) {
        std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " X\r\nConnection: close\r\n";
        bool sized = false;
        for (const std::string& header : reply.headers) {
            text += header + "\r\n";
            sized = sized || header.rfind("Content-Length", 0) == 0 || header.rfind("Transfer", 0) == 0;
        }
        if (!sized) text += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
        text += "\r\n" + reply.body.substr(0, reply.hang_up_after);
        for (std::size_t sent = 0; sent < text.size();) {
            const ssize_t got = ::send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
            if (got <= 0) return;
            sent += static_cast<std::size_t>(got);
        }
    }

    Handler handler_;
    int socket_;
    std::uint16_t port_ = 0;
    std::atomic<bool> stop_{false};
    mutable std::mutex mutex_;
    std::vector<Request> requests_;
    std::thread thread_;
    std::vector<std::thread> connections_;
};

}  // namespace autoresearch
