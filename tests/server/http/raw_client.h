#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "server/http/server.h"

namespace roberta::http {

/// A TCP connection to a loopback port, byte by byte.
class RawClient {
 public:
  explicit RawClient(uint16_t port, int receive_buffer = 0, const char* from = "127.0.0.1")
      : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, from, &address.sin_addr);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;

  /// Whether all of it could be sent.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void EndSending() { shutdown(socket_, SHUT_WR); }
  void Close() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }

  /// Everything until the server closes the connection.
  std::string ReadAll() {
    while (Receive()) {
    }
    return std::exchange(received_, "");
  }
  /// One response with the body that its Content-Length announces, or what came before the connection was closed.
  std::string ReadResponse(bool has_body = true) {
    size_t head_end;
    while ((head_end = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return std::exchange(received_, "");
    }
    size_t total = head_end + 4;
    const size_t length = received_.find("Content-Length: ");
    if (has_body && length < head_end) total += std::stoul(received_.substr(length + 16));
    while (received_.size() < total && Receive()) {
    }
    std::string response = received_.substr(0, total);
    received_.erase(0, total);
    return response;
  }
  int descriptor() const { return socket_; }

 private:
  bool Receive() {
    char buffer[65536];
    const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
    if (got > 0) received_.append(buffer, static_cast<size_t>(got));
    return got > 0;
  }

  int socket_;
  std::string received_;
};

inline std::unique_ptr<Server> StartServer(Handler handler, Options options = {}) {
  auto server = Server::Start(std::move(options), std::move(handler));
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

/// Answers with what it got: method, path, query and body.
inline void Echo(const Request& request, Responder responder) {
  responder.Respond({.content_type = "text/plain",
                     .body = request.method + " " + request.path + "?" + request.query + " " + request.body});
}

inline std::string Get(const std::string& path, const std::string& more_headers = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: test\r\n" + more_headers + "\r\n";
}

}  // namespace roberta::http
