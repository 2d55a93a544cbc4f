#include "server/sockets/listening.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

namespace roberta::sockets {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(HostPort, PutsBracketsAroundAnIpv6Address) {
  EXPECT_EQ(HostPort("::1", 8000), "[::1]:8000");
  EXPECT_EQ(HostPort("[::1]", 8000), "[::1]:8000");
  EXPECT_EQ(HostPort("localhost", 0), "localhost:0");
}

bool HasIpv6() {
  return ListenOn("::1", 0, "for tests").ok();
}

TEST(ListenOn, LocalhostIsBothFamiliesOnOnePort) {
  if (!HasIpv6()) GTEST_SKIP() << "not run: there is no IPv6 here";
  const auto sockets = ListenOn("localhost", 0, "for tests");
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  ASSERT_EQ(sockets->size(), 2u);
  EXPECT_NE((*sockets)[0].port(), 0);
  EXPECT_EQ((*sockets)[0].port(), (*sockets)[1].port());
}

TEST(ListenOn, TakesAnIpv6AddressWithAndWithoutBrackets) {
  if (!HasIpv6()) GTEST_SKIP() << "not run: there is no IPv6 here";
  EXPECT_TRUE(ListenOn("::1", 0, "for tests").ok());
  EXPECT_TRUE(ListenOn("[::1]", 0, "for tests").ok());
}

TEST(ListenOn, APortInUseIsNamedWithTheReasonOfTheSystem) {
  const auto first = ListenOn("127.0.0.1", 0, "for tests");
  const uint16_t port = first->front().port();
  const absl::Status second = ListenOn("127.0.0.1", port, "for tests").status();
  EXPECT_EQ(second.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(second.message(),
            "cannot listen on 127.0.0.1:" + std::to_string(port) + " for tests: Address already in use");
}

TEST(ListenOn, APortInUseAtOneOfTheAddressesIsAnErrorToo) {
  if (!HasIpv6()) GTEST_SKIP() << "not run: there is no IPv6 here";
  const auto first = ListenOn("::1", 0, "for tests");
  EXPECT_EQ(ListenOn("localhost", first->front().port(), "for tests").status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST(ListenOn, AnAddressOfAnotherMachineIsAnError) {
  const absl::Status status = ListenOn("192.0.2.1", 8001, "for tests").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("192.0.2.1:8001"), HasSubstr("Cannot assign")));
}

TEST(ListenOn, AHostThatIsNoneIsAnError) {
  const absl::Status status = ListenOn("no host", 8001, "for tests").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no host:8001"));
}

class ListenAtPath : public testing::Test {
 protected:
  ~ListenAtPath() override { std::filesystem::remove_all(folder_); }

  /// Whether somebody accepts connections there.
  bool Answers() const {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    const int client = socket(AF_UNIX, SOCK_STREAM, 0);
    const bool answers = connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(client);
    return answers;
  }
  /// What a server leaves behind that was killed.
  void LeaveStaleSocket() {
    auto killed = ListenAt(path_);
    ASSERT_TRUE(killed.ok()) << killed.status();
    close(killed->Release());
    ASSERT_TRUE(std::filesystem::is_socket(path_));
  }

  const std::string folder_ = [] {
    std::string name = testing::TempDir() + "listening_XXXXXX";
    return std::string(mkdtemp(name.data()));
  }();
  const std::string path_ = folder_ + "/socket";
};

TEST_F(ListenAtPath, OnlyTheUserMayConnectAndTheFileGoesWithTheSocket) {
  std::optional<absl::StatusOr<ListeningSocket>> socket(ListenAt(path_));
  ASSERT_TRUE(socket->ok()) << socket->status();
  EXPECT_TRUE(Answers());
  EXPECT_EQ((*socket)->port(), 0);
  struct stat file = {};
  ASSERT_EQ(stat(path_.c_str(), &file), 0);
  const mode_t mask = umask(0);
  umask(mask);
  EXPECT_EQ(file.st_mode & 0777u, 0660u & ~mask);
  socket.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ListenAtPath, AStaleSocketIsReplaced) {
  LeaveStaleSocket();
  EXPECT_FALSE(Answers());
  const auto socket = ListenAt(path_);
  EXPECT_TRUE(socket.ok()) << socket.status();
  EXPECT_TRUE(Answers());
}

TEST_F(ListenAtPath, ASocketOnWhichSomebodyListensIsNot) {
  const auto first = ListenAt(path_);
  const absl::Status second = ListenAt(path_).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(second.message(), "cannot listen on the Unix socket " + path_ + ": Address already in use");
  EXPECT_TRUE(Answers());
}

TEST_F(ListenAtPath, AnotherFileIsNot) {
  std::ofstream(path_) << "precious";
  EXPECT_EQ(ListenAt(path_).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(ListenAtPath, TheSocketOfASuccessorStays) {
  auto first = std::make_optional(ListenAt(path_));
  std::filesystem::rename(path_, path_ + ".old");  // keeps its inode from being used again
  const auto successor = ListenAt(path_);
  ASSERT_TRUE(successor.ok()) << successor.status();
  first.reset();
  EXPECT_TRUE(Answers());
}

TEST_F(ListenAtPath, APathThatIsTooLongIsAnError) {
  const absl::Status status = ListenAt(folder_ + "/" + std::string(200, 'x')).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("File name too long"));
}

}  // namespace
}  // namespace roberta::sockets
