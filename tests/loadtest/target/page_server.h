#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"

namespace roberta::loadtest::target {

inline std::string OkAnswer(const std::string& body) {
  return absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

/// Answers each connection to a free loopback port with what a test wants, and closes it.
class PageServer {
 public:
  /// `answer` is called on this server's thread with the request's first bytes.
  explicit PageServer(std::function<std::string(const std::string&)> answer) : answer_(std::move(answer)) {
    listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listening_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listening_, 8), 0);
    getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
    thread_ = std::thread([this] { Serve(); });
  }
  ~PageServer() {
    shutdown(listening_, SHUT_RDWR);
    thread_.join();
    close(listening_);
  }

  const std::string& address() const { return address_; }

 private:
  void Serve() {
    while (true) {
      const int connection = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      std::array<char, 4096> request = {};
      const ssize_t bytes = recv(connection, request.data(), request.size(), 0);
      std::string answer = answer_(std::string(request.data(), bytes > 0 ? static_cast<size_t>(bytes) : 0));
      while (!answer.empty()) {
        const ssize_t sent = send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
        if (sent <= 0) break;
        answer.erase(0, static_cast<size_t>(sent));
      }
      close(connection);
    }
  }

  const std::function<std::string(const std::string&)> answer_;
  int listening_ = -1;
  std::string address_;
  std::thread thread_;
};

/// A loopback port that nobody listens on.
inline std::string NobodysAddress() {
  const PageServer server([](const std::string&) { return ""; });
  return server.address();
}

}  // namespace roberta::loadtest::target
