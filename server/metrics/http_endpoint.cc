#include "server/metrics/http_endpoint.h"

#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "profiles/errors/errors.h"

namespace roberta::metrics {
namespace {

constexpr unsigned kIdleTimeoutSeconds = 10;
constexpr unsigned kMostConnections = 64;

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};

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
  const std::string where = absl::StrCat("cannot listen on ", HostPort(host, port), " for metrics: ");
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0) {
    return errors::InvalidArgument(where, gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  std::unique_ptr<HttpEndpoint> endpoint(new HttpEndpoint(port, std::move(pages)));
  std::set<std::string> seen;  // a hosts file may have an address twice
  int error = 0;
  for (const addrinfo* address = found; address != nullptr && error != EADDRINUSE; address = address->ai_next) {
    if (!seen.emplace(reinterpret_cast<char*>(address->ai_addr), address->ai_addrlen).second) continue;
    if (!endpoint->ListenAt(address->ai_addr)) error = errno;
  }
  if (!endpoint->daemons_.empty() && error != EADDRINUSE) return endpoint;
  if (error == EADDRINUSE) return absl::AlreadyExistsError(where + std::strerror(error));
  return absl::UnavailableError(where + std::strerror(error));
}

bool HttpEndpoint::ListenAt(sockaddr* address) {
  reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port_);  // IPv6 addresses have it in the same place
  const unsigned family = address->sa_family == AF_INET6 ? MHD_USE_DUAL_STACK : 0;
  MHD_Daemon* daemon =
      MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | family, port_, nullptr, nullptr, &Answer, this,
                       MHD_OPTION_SOCK_ADDR, address, MHD_OPTION_CONNECTION_TIMEOUT, kIdleTimeoutSeconds,
                       MHD_OPTION_CONNECTION_LIMIT, kMostConnections, MHD_OPTION_END);
  if (daemon == nullptr) return false;
  port_ = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
  daemons_.push_back(daemon);
  return true;
}

HttpEndpoint::~HttpEndpoint() {
  for (MHD_Daemon* daemon : daemons_) MHD_stop_daemon(daemon);
}

std::optional<Page> HttpEndpoint::PageAt(std::string_view path) {
  const std::lock_guard lock(mutex_);
  return pages_(path);
}

}  // namespace roberta::metrics
