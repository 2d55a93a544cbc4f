#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace roberta::http {

/// "host:port", with brackets around a numeric IPv6 address that has none.
std::string HostPort(const std::string& host, uint32_t port);

/// Sockets that listen on one port, which the caller closes.
struct ListeningSockets {
  std::vector<int> descriptors;  ///< non-blocking; one for each address
  uint16_t port = 0;
};

/// Listens on all addresses of `host` that this machine has, a numeric address or a name, on one port (0: a free one).
/// Errors name `purpose` ("for metrics"), host, port and the system's reason: AlreadyExists for a port in use,
/// InvalidArgument for a host that cannot be resolved, otherwise Unavailable.
absl::StatusOr<ListeningSockets> ListenOn(const std::string& host, uint16_t port, const std::string& purpose);

}  // namespace roberta::http
