#include "loadtest/server/http_get.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace roberta::server {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMostHeaderBytes = 64 << 10;
constexpr size_t kShownCharacters = 40;

absl::string_view ToAbsl(std::string_view text) {
  return {text.data(), text.size()};
}

/// What of `text` may stand in a line for people.
std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, std::min(text.find_first_of("\r\n"), kShownCharacters)));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return shown;
}

struct HostAndPort {
  std::string host, port;
};

absl::StatusOr<HostAndPort> Split(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == std::string::npos || colon == 0 || !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 1 ||
      port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("\"", address, "\" is no HOST:PORT"));
  }
  std::string host = address.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return HostAndPort{host, absl::StrCat(port)};
}

/// A socket whose every step ends by a deadline.
class Connection {
 public:
  Connection(const std::string& address, std::chrono::milliseconds timeout)
      : address_(address), timeout_(timeout), end_(Clock::now() + timeout) {}
  ~Connection() { Close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  absl::Status Open() {
    const absl::StatusOr<HostAndPort> where = Split(address_);
    if (!where.ok()) return where.status();
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(where->host.c_str(), where->port.c_str(), &hints, &found); error != 0) {
      return absl::UnavailableError(absl::StrCat(address_, ": ", gai_strerror(error)));
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
    absl::Status status = absl::UnavailableError(absl::StrCat(address_, ": no address"));
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
      status = OpenTo(*one);
      if (status.ok() || absl::IsDeadlineExceeded(status)) break;
    }
    return status;
  }

  absl::Status Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<size_t>(sent));
      } else if (absl::Status status = WaitAfterFailure(POLLOUT); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  /// All that comes until the other side closes, or `most_bytes` and one more.
  absl::StatusOr<std::string> Read(size_t most_bytes) {
    std::string text;
    std::array<char, 65536> buffer = {};
    while (text.size() <= most_bytes) {
      const ssize_t bytes = recv(fd_, buffer.data(), buffer.size(), 0);
      if (bytes == 0) return text;
      if (bytes > 0) {
        text.append(buffer.data(), static_cast<size_t>(bytes));
      } else if (absl::Status status = WaitAfterFailure(POLLIN); !status.ok()) {
        return status;
      }
    }
    return text;
  }

 private:
  absl::Status OpenTo(const addrinfo& address) {
    Close();
    fd_ = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0) return Failure(errno);
    if (connect(fd_, address.ai_addr, address.ai_addrlen) == 0) return absl::OkStatus();
    if (errno != EINPROGRESS) return Failure(errno);
    if (absl::Status status = Wait(POLLOUT); !status.ok()) return status;
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    return error == 0 ? absl::OkStatus() : Failure(error);
  }

  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  absl::Status Failure(int error) const {
    return absl::UnavailableError(absl::StrCat(address_, ": ", std::strerror(error)));
  }

  absl::Status WaitAfterFailure(int16_t events) {
    return errno == EAGAIN || errno == EINTR ? Wait(events) : Failure(errno);
  }

  absl::Status Wait(int16_t events) {
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
      pollfd wanted = {fd_, events, 0};
      const int ready = left <= 0 ? 0 : poll(&wanted, 1, static_cast<int>(left));
      if (ready > 0) return absl::OkStatus();
      if (ready < 0 && errno == EINTR) continue;
      if (ready < 0) return Failure(errno);
      return absl::DeadlineExceededError(absl::StrCat(address_, ": no answer within ", timeout_.count(), " ms"));
    }
  }

  const std::string& address_;
  const std::chrono::milliseconds timeout_;
  const Clock::time_point end_;
  int fd_ = -1;
};

/// HTTP/1.0, so that the answer comes in one piece and ends with the connection.
absl::StatusOr<std::string> Exchange(const std::string& address, std::string_view path,
                                     std::chrono::milliseconds timeout) {
  Connection connection(address, timeout);
  absl::Status status = connection.Open();
  if (!status.ok()) return status;
  status = connection.Send(absl::StrCat("GET ", ToAbsl(path), " HTTP/1.0\r\nHost: ", address, "\r\n\r\n"));
  if (!status.ok()) return status;
  return connection.Read(kMostPageBytes + kMostHeaderBytes);
}

/// What a header's lines say of the body's length; nullopt if nothing. The lines have been checked for none.
std::optional<std::string_view> ContentLength(std::string_view headers) {
  while (!headers.empty()) {
    const size_t end = std::min(headers.find("\r\n"), headers.size());
    const std::string_view line = headers.substr(0, end);
    headers.remove_prefix(std::min(end + 2, headers.size()));
    constexpr std::string_view kName = "content-length:";
    if (absl::StartsWithIgnoreCase(ToAbsl(line), ToAbsl(kName))) return line.substr(kName.size());
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::string> BodyOf(std::string_view answer) {
  const size_t end = answer.find("\r\n\r\n");
  const bool is_http = answer.starts_with("HTTP/1.0 ") || answer.starts_with("HTTP/1.1 ");
  if (!is_http || end == std::string_view::npos || end > kMostHeaderBytes) {
    return absl::UnavailableError(absl::StrCat("answered no HTTP: \"", Shown(answer), "\""));
  }
  const std::string_view status = answer.substr(9, 4);
  if (status != "200 " && status != "200\r") {
    return absl::UnavailableError(absl::StrCat("answered \"", Shown(answer), "\""));
  }
  const std::string_view body = answer.substr(end + 4);
  const auto said = ContentLength(answer.substr(0, end));
  uint64_t length = 0;
  if (said && (!absl::SimpleAtoi(absl::StripAsciiWhitespace(ToAbsl(*said)), &length) || length != body.size())) {
    return absl::UnavailableError(
        absl::StrCat("the page has ", body.size(), " bytes where \"", Shown(*said), "\" were announced"));
  }
  if (body.size() > kMostPageBytes) {
    return absl::UnavailableError(absl::StrCat("the page has more than ", kMostPageBytes, " bytes"));
  }
  return std::string(body);
}

absl::StatusOr<std::string> HttpGet(const std::string& address, std::string_view path,
                                    std::chrono::milliseconds timeout) {
  const absl::StatusOr<std::string> answer = Exchange(address, path, timeout);
  if (!answer.ok()) return answer.status();
  absl::StatusOr<std::string> body = BodyOf(*answer);
  if (!body.ok()) return absl::UnavailableError(absl::StrCat(address, ": ", body.status().message()));
  return body;
}

bool SpeaksHttp1(const std::string& address, std::chrono::milliseconds timeout) {
  const absl::StatusOr<std::string> answer = Exchange(address, "/", timeout);
  return answer.ok() && answer->starts_with("HTTP/1.");
}

}  // namespace roberta::server
