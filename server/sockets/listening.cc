#include "server/sockets/listening.h"

#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

#include "profiles/errors/errors.h"

namespace roberta::sockets {
namespace {

constexpr int kTriesOfFreePort = 16;
constexpr mode_t kSocketMode = 0660;

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

absl::Status CannotListen(const std::string& where, int error) {
  const std::string text = absl::StrCat("cannot listen on ", where, ": ", std::strerror(error));
  return error == EADDRINUSE ? absl::AlreadyExistsError(text) : absl::UnavailableError(text);
}

/// IPv4 and IPv6 addresses have the port in the same place.
in_port_t& PortOf(sockaddr* address) {
  return reinterpret_cast<sockaddr_in*>(address)->sin_port;
}

ListeningSocket NewSocket(int family) {
  return ListeningSocket(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Binds and listens. Returns 0 or the error. SO_REUSEADDR lets a restart not wait for old connections; SO_REUSEPORT
/// would let a second server share the port in silence.
int BindAndListen(const ListeningSocket& socket, const addrinfo& address) {
  const int on = 1;
  if (socket.descriptor() < 0) return errno;
  setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // connections inherit it
  const bool bound = bind(socket.descriptor(), address.ai_addr, address.ai_addrlen) == 0;
  return bound && listen(socket.descriptor(), SOMAXCONN) == 0 ? 0 : errno;
}

absl::StatusOr<Addresses> Resolve(const char* host, uint16_t port, const std::string& where) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host, absl::StrCat(port).c_str(), &hints, &found);
  if (error != 0) return errors::InvalidArgument("cannot listen on ", where, ": ", gai_strerror(error));
  return Addresses(found);
}

/// `*error` is that of the last address that failed, or 0. Other addresses are of no use where one is taken.
std::vector<ListeningSocket> ListenOnEach(const std::vector<Addresses>& resolved, int* error) {
  std::vector<ListeningSocket> sockets;
  std::set<std::string> seen;  // a hosts file may have an address twice
  *error = 0;
  for (const Addresses& addresses : resolved) {
    for (addrinfo* address = addresses.get(); address != nullptr && *error != EADDRINUSE; address = address->ai_next) {
      if (!seen.emplace(reinterpret_cast<char*>(address->ai_addr), address->ai_addrlen).second) continue;
      if (!sockets.empty()) PortOf(address->ai_addr) = htons(sockets.front().port());
      ListeningSocket socket = NewSocket(address->ai_family);
      if (const int failed = BindAndListen(socket, *address); failed != 0) {
        *error = failed;
      } else {
        sockets.push_back(std::move(socket));
      }
    }
  }
  return sockets;
}

/// Whether the file at `path` is a socket on which nobody listens. Whoever has a full backlog listens.
bool IsStale(const std::string& path, const sockaddr_un& address) {
  struct stat file = {};
  if (lstat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
  const ListeningSocket probe = NewSocket(AF_UNIX);
  return connect(probe.descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

}  // namespace

std::string HostPort(const std::string& host, uint32_t port) {
  const bool is_bare_ipv6 = host.find(':') != std::string::npos && host.front() != '[';
  return is_bare_ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

ListeningSocket::~ListeningSocket() {
  if (descriptor_ < 0) return;
  struct stat file = {};
  if (!path_.empty() && lstat(path_.c_str(), &file) == 0 && file.st_ino == inode_) unlink(path_.c_str());
  close(descriptor_);
}

uint16_t ListeningSocket::port() const {
  sockaddr_storage address = {};
  socklen_t length = sizeof address;
  getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &length);
  return address.ss_family == AF_UNIX ? 0 : ntohs(PortOf(reinterpret_cast<sockaddr*>(&address)));
}

absl::StatusOr<std::vector<ListeningSocket>> ListenOn(const std::string& host, uint16_t port,
                                                      const std::string& purpose) {
  const std::string where = absl::StrCat(HostPort(host, port), " ", purpose);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string bare = bracketed ? host.substr(1, host.size() - 2) : host;
  // Many hosts files have only one family for this name, while clients take the other one first.
  const std::vector<std::string> names =
      bare == "localhost" ? std::vector<std::string>{"127.0.0.1", "::1"} : std::vector<std::string>{bare};
  std::vector<Addresses> resolved;
  int error = 0;
  for (int i = 0; i < kTriesOfFreePort; ++i) {
    resolved.clear();
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(Addresses addresses, Resolve(name.c_str(), port, where));
      resolved.push_back(std::move(addresses));
    }
    std::vector<ListeningSocket> sockets = ListenOnEach(resolved, &error);
    if (!sockets.empty() && error != EADDRINUSE) return sockets;
    if (port != 0) break;  // a free port of the first address may be taken at the next one; then another may do
  }
  return CannotListen(where, error);
}

absl::StatusOr<ListeningSocket> ListenAt(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string where = absl::StrCat("the Unix socket ", path);
  if (path.size() >= sizeof address.sun_path) return CannotListen(where, ENAMETOOLONG);
  path.copy(address.sun_path, path.size());
  ListeningSocket socket = NewSocket(AF_UNIX);
  const auto bind_it = [&] {
    const auto* bound = reinterpret_cast<const sockaddr*>(&address);
    return bind(socket.descriptor(), bound, sizeof address) == 0 ? 0 : errno;
  };
  fchmod(socket.descriptor(), kSocketMode);  // before there is a file, so that nobody finds it with another mode
  int error = bind_it();
  if (error == EADDRINUSE && IsStale(path, address)) {
    unlink(path.c_str());
    error = bind_it();
  }
  struct stat file = {};
  if (error == 0 && (lstat(path.c_str(), &file) != 0 || listen(socket.descriptor(), SOMAXCONN) != 0)) error = errno;
  if (error != 0) return CannotListen(where, error);
  socket.path_ = path;
  socket.inode_ = file.st_ino;
  return socket;
}

}  // namespace roberta::sockets
