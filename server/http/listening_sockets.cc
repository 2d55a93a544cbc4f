#include "server/http/listening_sockets.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

#include "profiles/errors/errors.h"

namespace roberta::http {
namespace {

constexpr int kBacklog = 512;
constexpr int kTriesOfFreePorts = 8;

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};

/// A listening socket, which the caller closes, or -1 with errno.
int ListenAt(const addrinfo& address) {
  const int listening = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listening < 0) return -1;
  const int on = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // a restart does not wait for old connections
  // Each family has its own socket, so that "localhost" and "::" mean the same everywhere.
  if (address.ai_family == AF_INET6) setsockopt(listening, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
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

/// Listens on every address that this machine has, on one port; sets `*error` to the errno of the last that failed.
std::vector<int> ListenAtAll(addrinfo* addresses, uint16_t port, int* error) {
  std::vector<int> sockets;
  std::set<std::string> seen;  // a hosts file may have an address twice
  *error = 0;
  for (addrinfo* address = addresses; address != nullptr && *error != EADDRINUSE; address = address->ai_next) {
    PortOf(address->ai_addr) = htons(sockets.empty() ? port : BoundPort(sockets.front()));
    if (!seen.emplace(reinterpret_cast<char*>(address->ai_addr), address->ai_addrlen).second) continue;
    const int listening = ListenAt(*address);
    if (listening >= 0) {
      sockets.push_back(listening);
    } else {
      *error = errno;
    }
  }
  if (*error != EADDRINUSE) return sockets;
  for (const int listening : sockets) close(listening);
  return {};
}

}  // namespace

std::string HostPort(const std::string& host, uint32_t port) {
  const bool is_bare_ipv6 = host.find(':') != std::string::npos && host.front() != '[';
  return is_bare_ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

absl::StatusOr<ListeningSockets> ListenOn(const std::string& host, uint16_t port, const std::string& purpose) {
  const std::string where = absl::StrCat(HostPort(host, port), " ", purpose);
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string name = in_brackets ? host.substr(1, host.size() - 2) : host;
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(name.c_str(), nullptr, &hints, &found); error != 0) {
    return errors::InvalidArgument("cannot listen on ", where, ": ", gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  int error = 0;
  // A port that is free for the first address may be taken for another.
  for (int tries = port == 0 ? kTriesOfFreePorts : 1; tries > 0; --tries) {
    std::vector<int> sockets = ListenAtAll(found, port, &error);
    if (!sockets.empty()) return ListeningSockets{sockets, BoundPort(sockets.front())};
    if (error != EADDRINUSE) break;
  }
  const std::string text = absl::StrCat("cannot listen on ", where, ": ", std::strerror(error));
  return error == EADDRINUSE ? absl::AlreadyExistsError(text) : absl::UnavailableError(text);
}

}  // namespace roberta::http
