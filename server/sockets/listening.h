#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace roberta::sockets {

/// "host:port", with brackets around a numeric IPv6 address that has none.
std::string HostPort(const std::string& host, uint32_t port);

/// A listening socket, close-on-exec and non-blocking.
class ListeningSocket {
 public:
  explicit ListeningSocket(int descriptor) : descriptor_(descriptor) {}
  /// Closes it, and removes the file of a Unix socket unless another server has replaced it.
  ~ListeningSocket();
  ListeningSocket(ListeningSocket&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)), inode_(other.inode_) {}
  ListeningSocket& operator=(ListeningSocket&&) = delete;

  int descriptor() const { return descriptor_; }
  /// The caller closes it.
  int Release() { return std::exchange(descriptor_, -1); }
  /// 0 for a Unix socket.
  uint16_t port() const;

 private:
  friend absl::StatusOr<ListeningSocket> ListenAt(const std::string& path);

  int descriptor_;
  std::string path_ = {};  ///< of a Unix socket
  uint64_t inode_ = 0;     ///< of its file
};

/// Listens on all addresses of `host` that this machine has (a numeric address or a name; `localhost` is 127.0.0.1 and
/// ::1), on one port, 0 for one that is free at all of them. Nobody else can listen there meanwhile. Errors name host,
/// port and `purpose` ("for gRPC") and give the system's reason: AlreadyExists for a port in use, InvalidArgument for a
/// host that cannot be resolved, otherwise Unavailable.
absl::StatusOr<std::vector<ListeningSocket>> ListenOn(const std::string& host, uint16_t port,
                                                      const std::string& purpose);

/// Listens on a Unix socket at `path`, whose file has the permissions 0660 less the umask: with the usual one, only the
/// user of the server may connect. A socket that is there already is replaced if nobody listens on it. Errors name the
/// path: AlreadyExists if somebody does or the file is no socket, otherwise Unavailable.
absl::StatusOr<ListeningSocket> ListenAt(const std::string& path);

}  // namespace roberta::sockets
