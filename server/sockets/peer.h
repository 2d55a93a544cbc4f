#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

namespace roberta::sockets {

/// What limits for each peer count as one: an IPv4 address, or an IPv6 network of 64 bits, which one user may have as a
/// whole. In no readable form, but different for different ones; empty for a Unix socket.
std::string PeerOf(const sockaddr* address);

/// The address and port of a connection's peer as gRPC names it ("ipv4:127.0.0.1:8001", "ipv6:%5B::1%5D:8001"); empty
/// for a Unix socket.
std::string GrpcNameOf(const sockaddr* address);

/// PeerOf the address in such a name.
std::string PeerNamed(std::string_view grpc_name);

/// How many of something each peer has. One thread at a time may call.
class PeerCounts {
 public:
  /// `most`: of a peer; 0: any number.
  explicit PeerCounts(size_t most) : most_(most) {}

  /// Counts `more`, unless the peer has as many as it may already. Without a peer there is no limit.
  bool Add(const std::string& peer, size_t more = 1);
  void Remove(const std::string& peer, size_t less = 1);

 private:
  const size_t most_;
  std::unordered_map<std::string, size_t> counts_;
};

}  // namespace roberta::sockets
