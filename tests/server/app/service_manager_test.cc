#include "server/app/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace roberta::app {
namespace {

using namespace std::chrono_literals;

/// Sets a variable of the environment as long as it lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* const name_;
};

/// A socket as a service manager has it; `name` begins with / or @.
class Manager {
 public:
  explicit Manager(const std::string& name) : socket_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    const bool is_abstract = name[0] == '@';
    if (is_abstract) address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1));
    EXPECT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address), size), 0) << std::strerror(errno);
  }
  ~Manager() { close(socket_); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  std::string Received() {
    std::array<char, 1000> message;
    const ssize_t size = recv(socket_, message.data(), message.size(), MSG_DONTWAIT);
    return size < 0 ? "" : std::string(message.data(), static_cast<size_t>(size));
  }

 private:
  const int socket_;
};

TEST(ServiceManager, ReceivesDatagramsAtAPath) {
  const std::string path = testing::TempDir() + "/notify-" + std::to_string(getpid());
  Manager manager(path);
  const Variable variable("NOTIFY_SOCKET", path);
  ServiceManager::FromEnvironment().Send("READY=1\nSTATUS=serving");
  EXPECT_EQ(manager.Received(), "READY=1\nSTATUS=serving");
  unlink(path.c_str());
}

TEST(ServiceManager, ReceivesDatagramsAtAnAbstractSocket) {
  const std::string name = "@roberta-notify-" + std::to_string(getpid());
  Manager manager(name);
  const Variable variable("NOTIFY_SOCKET", name);
  ServiceManager::FromEnvironment().Send("STOPPING=1");
  EXPECT_EQ(manager.Received(), "STOPPING=1");
}

TEST(ServiceManager, IsNobodyWhereTheVariableIsAbsentOrMakesNoSense) {
  ServiceManager::FromEnvironment().Send("READY=1");
  for (const std::string& name : {std::string(""), std::string("/"), std::string("@"), std::string("relative/path"),
                                  std::string("vsock:2:1234"), "/" + std::string(200, 'a')}) {
    const Variable variable("NOTIFY_SOCKET", name);
    const Variable watchdog("WATCHDOG_USEC", "1000000");
    const ServiceManager manager = ServiceManager::FromEnvironment();
    EXPECT_FALSE(manager.ping_interval()) << name;
    manager.Send("READY=1");
  }
}

TEST(ServiceManager, IsPingedAtHalfOfItsTimeIfItWatchesThisProcess) {
  const Variable variable("NOTIFY_SOCKET", "@nobody-is-there");
  const auto interval = [](const std::string& time, const std::string& process) {
    const Variable usec("WATCHDOG_USEC", time), pid("WATCHDOG_PID", process);
    return ServiceManager::FromEnvironment().ping_interval();
  };
  const std::string me = std::to_string(getpid());
  EXPECT_EQ(interval("30000000", me), 15s);
  EXPECT_EQ(interval("30000000", "1"), std::nullopt);
  for (const char* wrong : {"", "0", "-1", "1e6", "5s", "99999999999999999999999"}) {
    EXPECT_EQ(interval(wrong, me), std::nullopt) << wrong;
  }
}

TEST(Watchdog, WantsAPingForEachIntervalWhileThereIsNothingToDo) {
  Watchdog watchdog(10s);
  const Watchdog::Clock::time_point start{1000s};
  EXPECT_TRUE(watchdog.IsDue(start, {}));
  EXPECT_FALSE(watchdog.IsDue(start + 9s, {}));
  EXPECT_TRUE(watchdog.IsDue(start + 10s, {}));
  EXPECT_FALSE(watchdog.IsDue(start + 19s, {}));
}

TEST(Watchdog, WantsNoneWhileThereIsWorkAndNoBatchEnds) {
  Watchdog watchdog(10s);
  const Watchdog::Clock::time_point start{1000s};
  EXPECT_TRUE(watchdog.IsDue(start, {.has_work = true, .batches_ended = 7}));
  EXPECT_FALSE(watchdog.IsDue(start + 10s, {.has_work = true, .batches_ended = 7}));
  EXPECT_FALSE(watchdog.IsDue(start + 600s, {.has_work = true, .batches_ended = 7}));
  EXPECT_TRUE(watchdog.IsDue(start + 600s, {.has_work = true, .batches_ended = 8}));
  EXPECT_TRUE(watchdog.IsDue(start + 610s, {.has_work = false, .batches_ended = 8}));
}

}  // namespace
}  // namespace roberta::app
