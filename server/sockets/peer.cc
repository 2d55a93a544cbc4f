#include "server/sockets/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace roberta::sockets {
namespace {

constexpr size_t kNetworkBytes = 8;
constexpr size_t kMappedPrefixBytes = 12;  // before the IPv4 address in an IPv6 address that stands for it

/// The IPv4 address, in network order, of one or of an IPv6 address that stands for one; nullptr for others.
const void* Ipv4Of(const sockaddr* address) {
  if (address->sa_family == AF_INET) return &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
  if (address->sa_family != AF_INET6) return nullptr;
  const in6_addr& ipv6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  return IN6_IS_ADDR_V4MAPPED(&ipv6) ? &ipv6.s6_addr[kMappedPrefixBytes] : nullptr;
}

}  // namespace

std::string PeerOf(const sockaddr* address) {
  if (const void* ipv4 = Ipv4Of(address)) return std::string(static_cast<const char*>(ipv4), sizeof(in_addr));
  if (address->sa_family != AF_INET6) return "";
  const in6_addr& ipv6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  return std::string(reinterpret_cast<const char*>(&ipv6), kNetworkBytes);
}

std::string GrpcNameOf(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(address);  // whose port is where that of IPv4 is
  if (const void* ipv4 = Ipv4Of(address)) {
    inet_ntop(AF_INET, ipv4, text.data(), text.size());
    return absl::StrCat("ipv4:", text.data(), ":", ntohs(in6->sin6_port));
  }
  if (address->sa_family != AF_INET6) return "";
  inet_ntop(AF_INET6, &in6->sin6_addr, text.data(), text.size());
  return absl::StrCat("ipv6:%5B", text.data(), "%5D:", ntohs(in6->sin6_port));
}

std::string PeerNamed(std::string_view grpc_name) {
  constexpr std::string_view kIpv4 = "ipv4:", kIpv6 = "ipv6:%5B", kAfterIpv6 = "%5D:";
  const bool is_ipv4 = grpc_name.starts_with(kIpv4);
  if (!is_ipv4 && !grpc_name.starts_with(kIpv6)) return "";
  const std::string_view rest = grpc_name.substr(is_ipv4 ? kIpv4.size() : kIpv6.size());
  const std::string text(rest.substr(0, is_ipv4 ? rest.rfind(':') : rest.rfind(kAfterIpv6)));
  sockaddr_storage address = {};
  address.ss_family = is_ipv4 ? AF_INET : AF_INET6;
  void* const bytes = is_ipv4 ? static_cast<void*>(&reinterpret_cast<sockaddr_in&>(address).sin_addr)
                              : &reinterpret_cast<sockaddr_in6&>(address).sin6_addr;
  // Of an address with a zone, which belongs to this link, the whole text is the peer.
  if (inet_pton(address.ss_family, text.c_str(), bytes) != 1) return text;
  return PeerOf(reinterpret_cast<const sockaddr*>(&address));
}

bool PeerCounts::Add(const std::string& peer, size_t more) {
  if (peer.empty()) return true;
  size_t& count = counts_[peer];
  if (most_ > 0 && count >= most_) return false;
  count += more;
  return true;
}

void PeerCounts::Remove(const std::string& peer, size_t less) {
  const auto found = counts_.find(peer);
  if (found != counts_.end() && (found->second -= less) == 0) counts_.erase(found);
}

}  // namespace roberta::sockets
