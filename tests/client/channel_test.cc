#include "client/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace roberta::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Variables of the environment, for as long as it lives.
class Environment {
 public:
  explicit Environment(std::initializer_list<std::pair<const char*, const char*>> variables) {
    for (const char* name : kNames) unsetenv(name);
    for (const auto& [name, value] : variables) setenv(name, value, 1);
  }
  ~Environment() {
    for (const char* name : kNames) unsetenv(name);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  static constexpr const char* kNames[] = {"grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy"};
};

TEST(IsLocal, UnixSocketsAndTheLoopbackNetworkAre) {
  for (const char* address :
       {"unix:/run/x.sock", "unix:///run/x.sock", "unix-abstract:x", "localhost:8001", "localhost", "127.0.0.1:8001",
        "127.1.2.3:8001", "[::1]:8001", "::1", "dns:///localhost:8001", "dns://8.8.8.8/127.0.0.1:8001",
        "ipv4:127.0.0.1:8001", "ipv6:[::1]:8001"}) {
    EXPECT_TRUE(IsLocal(address)) << address;
  }
}

TEST(IsLocal, OtherAddressesAreNot) {
  for (const char* address : {"127.example.com:8001", "localhost.example.com:8001", "10.0.0.1:8001", "[::2]:8001",
                              "dns:///example.com:8001", "example.com", ""}) {
    EXPECT_FALSE(IsLocal(address)) << address;
  }
}

TEST(ThroughProxy, NamesTheProxyAndItsVariableButNotItsPassword) {
  for (const char* proxy : {"http://me:secret@proxy.example:3128", "me:secret@proxy.example:3128",
                            "http://me:p@secret@proxy.example:3128", "http://me:p/secret@proxy.example:3128"}) {
    const Environment environment({{"http_proxy", proxy}});
    EXPECT_THAT(ThroughProxy("example.com:8001"),
                AllOf(HasSubstr("the proxy proxy.example:3128, by the variable http_proxy"), Not(HasSubstr("secret"))));
  }
}

TEST(ThroughProxy, TheVariablesCountInTheOrderOfGrpc) {
  const Environment environment({{"http_proxy", "http://last:1"}, {"grpc_proxy", "http://first:1"}});
  EXPECT_THAT(ThroughProxy("example.com:8001"), AllOf(HasSubstr("first:1"), HasSubstr("grpc_proxy")));
}

TEST(ThroughProxy, IsEmptyWithoutOneAndForExceptions) {
  EXPECT_EQ(ThroughProxy("example.com:8001"), "");
  const Environment environment({{"http_proxy", "http://proxy:1"}, {"no_proxy", "other.org, example.com"}});
  EXPECT_EQ(ThroughProxy("127.0.0.1:8001"), "");
  EXPECT_EQ(ThroughProxy("www.example.com:8001"), "");
  EXPECT_NE(ThroughProxy("example.org:8001"), "");
}

}  // namespace
}  // namespace roberta::client
