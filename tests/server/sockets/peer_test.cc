#include "server/sockets/peer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace roberta::sockets {
namespace {

constexpr uint16_t kPort = 8001;

sockaddr_storage Ipv4(const char* text) {
  sockaddr_storage storage = {};
  auto& address = reinterpret_cast<sockaddr_in&>(storage);
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  EXPECT_EQ(inet_pton(AF_INET, text, &address.sin_addr), 1);
  return storage;
}

sockaddr_storage Ipv6(const char* text) {
  sockaddr_storage storage = {};
  auto& address = reinterpret_cast<sockaddr_in6&>(storage);
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(kPort);
  EXPECT_EQ(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
  return storage;
}

sockaddr_storage Unix() {
  sockaddr_storage storage = {};
  storage.ss_family = AF_UNIX;
  return storage;
}

std::string Peer(const sockaddr_storage& address) {
  return PeerOf(reinterpret_cast<const sockaddr*>(&address));
}

std::string Name(const sockaddr_storage& address) {
  return GrpcNameOf(reinterpret_cast<const sockaddr*>(&address));
}

TEST(Peer, IsAnIpv4AddressHoweverItIsWritten) {
  EXPECT_EQ(Peer(Ipv4("192.0.2.1")), Peer(Ipv6("::ffff:192.0.2.1")));
  EXPECT_NE(Peer(Ipv4("192.0.2.1")), Peer(Ipv4("192.0.2.2")));
}

TEST(Peer, IsANetworkOf64BitsOfIpv6) {
  EXPECT_EQ(Peer(Ipv6("2001:db8::1")), Peer(Ipv6("2001:db8::ffff:ffff:ffff:ffff")));
  EXPECT_NE(Peer(Ipv6("2001:db8::1")), Peer(Ipv6("2001:db8:0:1::1")));
}

TEST(Peer, IsNobodyAtAUnixSocket) {
  EXPECT_EQ(Peer(Unix()), "");
  EXPECT_EQ(Name(Unix()), "");
}

TEST(GrpcName, IsWhatGrpcCallsTheConnection) {
  EXPECT_EQ(Name(Ipv4("192.0.2.1")), "ipv4:192.0.2.1:8001");
  EXPECT_EQ(Name(Ipv6("::ffff:192.0.2.1")), "ipv4:192.0.2.1:8001");
  EXPECT_EQ(Name(Ipv6("::1")), "ipv6:%5B::1%5D:8001");
}

TEST(GrpcName, HasThePeerOfItsAddress) {
  for (const sockaddr_storage& address :
       {Ipv4("192.0.2.1"), Ipv6("::ffff:192.0.2.1"), Ipv6("2001:db8::1"), Ipv6("::1"), Unix()}) {
    EXPECT_EQ(PeerNamed(Name(address)), Peer(address)) << Name(address);
  }
  EXPECT_EQ(PeerNamed("unix:/run/server.sock"), "");
  EXPECT_EQ(PeerNamed("ipv6:%5Bfe80::1%252%5D:8001"), PeerNamed("ipv6:%5Bfe80::1%252%5D:8002"));
  EXPECT_NE(PeerNamed("ipv6:%5Bfe80::1%252%5D:8001"), "");
}

TEST(PeerCounts, EachPeerHasAsManyAsItMay) {
  PeerCounts counts(2);
  EXPECT_TRUE(counts.Add("a") && counts.Add("a") && counts.Add("b"));
  EXPECT_FALSE(counts.Add("a"));
  counts.Remove("a");
  EXPECT_TRUE(counts.Add("a"));
  EXPECT_FALSE(counts.Add("a"));
}

TEST(PeerCounts, NobodyAndZeroHaveNoLimit) {
  PeerCounts counts(1), any(0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(counts.Add("") && any.Add("a"));
}

}  // namespace
}  // namespace roberta::sockets
