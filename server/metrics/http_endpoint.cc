#include "server/metrics/http_endpoint.h"

#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "profiles/errors/errors.h"

namespace roberta::metrics {
namespace {

constexpr unsigned kIdleTimeoutSeconds = 10;
constexpr unsigned kMostConnections = 64;
constexpr int kBacklog = 64;

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};

absl::Status SystemError(const std::string& where, int error) {
  const std::string text = absl::StrCat("cannot listen on ", where, " for metrics: ", std::strerror(error));
  return error == EADDRINUSE ? absl::AlreadyExistsError(text) : absl::UnavailableError(text);
}

/// A listening socket, which the caller closes, or -1 with errno.
int ListenAt(const addrinfo& address) {
  const int listening = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listening < 0) return -1;
  const int on = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on,
             sizeof on);  // so that a restart does not wait for old connections
  if (bind(listening, address.ai_addr, address.ai_addrlen) == 0 && listen(listening, kBacklog) == 0) return listening;
  const int error = errno;
  close(listening);
  errno = error;
  return -1;
}

/// IPv4 and IPv6 addresses have the port in the same place.
in_port_t& PortOf(sockaddr* address) {
  return reinterpret_cast<sockaddr_in*>(address)->sin_port;
}

uint16_t BoundPort(int listening) {
  sockaddr_storage address = {};
  socklen_t length = sizeof address;
  getsockname(listening, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(PortOf(reinterpret_cast<sockaddr*>(&address)));
}

/// Listening sockets of all addresses of `host` that this machine has, on one port; the caller closes them.
absl::StatusOr<std::vector<int>> Listen(const std::string& host, uint16_t port) {
  const std::string where = HostPort(host, port);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found); error != 0) {
    return errors::InvalidArgument("cannot listen on ", where, " for metrics: ", gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  std::vector<int> sockets;
  std::set<std::string> seen;  // a hosts file may have an address twice
  int error = 0;
  for (addrinfo* address = found; address != nullptr && error != EADDRINUSE; address = address->ai_next) {
    if (!seen.emplace(reinterpret_cast<char*>(address->ai_addr), address->ai_addrlen).second) continue;
    if (!sockets.empty()) PortOf(address->ai_addr) = htons(BoundPort(sockets.front()));
    const int listening = ListenAt(*address);
    if (listening < 0) {
      error = errno;
    } else {
      sockets.push_back(listening);
    }
  }
  if (!sockets.empty() && error != EADDRINUSE) return sockets;
  for (const int listening : sockets) close(listening);
  return SystemError(where, error);
}

MHD_Result Respond(MHD_Connection* connection, const Page& page) {
  MHD_Response* response =
      MHD_create_response_from_buffer(page.body.size(), const_cast<char*>(page.body.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, "Content-Type", page.content_type.c_str());
  const MHD_Result queued = MHD_queue_response(connection, page.status, response);
  MHD_destroy_response(response);
  return queued;
}

MHD_Result Answer(void* endpoint, MHD_Connection* connection, const char* path, const char* method, const char*,
                  const char*, size_t* body_bytes, void**) {
  constexpr char kPlainText[] = "text/plain; charset=utf-8";
  if (std::strcmp(method, MHD_HTTP_METHOD_GET) != 0 && std::strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
    *body_bytes = 0;
    return Respond(connection, {MHD_HTTP_METHOD_NOT_ALLOWED, kPlainText, "this server answers only GET and HEAD\n"});
  }
  const std::optional<Page> page = static_cast<HttpEndpoint*>(endpoint)->PageAt(path);
  return Respond(connection, page ? *page : Page{MHD_HTTP_NOT_FOUND, kPlainText, "there is no such page\n"});
}

}  // namespace

std::string HostPort(const std::string& host, uint32_t port) {
  const bool is_bare_ipv6 = host.find(':') != std::string::npos && host.front() != '[';
  return is_bare_ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(const std::string& host, uint16_t port, Pages pages) {
  ASSIGN_OR_RETURN(const std::vector<int> sockets, Listen(host, port));
  std::unique_ptr<HttpEndpoint> endpoint(new HttpEndpoint(std::move(pages)));
  endpoint->port_ = BoundPort(sockets.front());
  for (const int listening : sockets) {
    endpoint->daemons_.push_back(MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, endpoint->port_, nullptr, nullptr,
                                                  &Answer, endpoint.get(), MHD_OPTION_LISTEN_SOCKET, listening,
                                                  MHD_OPTION_CONNECTION_TIMEOUT, kIdleTimeoutSeconds,
                                                  MHD_OPTION_CONNECTION_LIMIT, kMostConnections, MHD_OPTION_END));
    if (endpoint->daemons_.back() == nullptr) close(listening);
  }
  const auto& daemons = endpoint->daemons_;
  if (std::find(daemons.begin(), daemons.end(), nullptr) == daemons.end()) return endpoint;
  return absl::UnavailableError(
      absl::StrCat("cannot serve metrics on ", HostPort(host, port), ": the HTTP server did not start"));
}

HttpEndpoint::~HttpEndpoint() {
  for (MHD_Daemon* daemon : daemons_) {
    if (daemon != nullptr) MHD_stop_daemon(daemon);
  }
}

std::optional<Page> HttpEndpoint::PageAt(std::string_view path) {
  const std::lock_guard lock(mutex_);
  return pages_(path);
}

}  // namespace roberta::metrics
