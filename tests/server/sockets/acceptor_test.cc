#include "server/sockets/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sockets/pauses.h"

namespace roberta::sockets {
namespace {

using TimePoint = std::chrono::steady_clock::time_point;

/// A client's socket, bound to an address of the loopback network.
class Client {
 public:
  explicit Client(const char* from = "127.0.0.1") : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in address = At(from, 0);
    EXPECT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool Connect(uint16_t port) {
    const sockaddr_in address = At("127.0.0.1", port);
    return connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  /// Waits until the server closes the connection. Returns false if it sends something instead.
  bool WaitForEnd() {
    char byte = 0;
    return recv(socket_, &byte, 1, 0) <= 0;
  }
  int descriptor() const { return socket_; }
  std::string peer() const {
    sockaddr_in address = {};
    socklen_t length = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
    std::array<char, INET_ADDRSTRLEN> text = {};
    inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
    return absl::StrCat("ipv4:", text.data(), ":", ntohs(address.sin_port));
  }

 private:
  static sockaddr_in At(const char* host, uint16_t port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, host, &address.sin_addr);
    return address;
  }

  const int socket_;
};

/// Descriptors that the epoll instances of this process watch.
size_t WatchedDescriptors() {
  size_t watched = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) watched += line.starts_with("tfd:") ? 1 : 0;
  }
  return watched;
}

/// An acceptor on a free port, and what it handed over.
class Accepting {
 public:
  explicit Accepting(AcceptorOptions limits) {
    limits.hand_over = [this](int descriptor, bool is_unix) {
      EXPECT_FALSE(is_unix);
      EXPECT_NE(fcntl(descriptor, F_GETFL) & O_NONBLOCK, 0);
      Change([&] { taken_.push_back(descriptor); });
    };
    limits.count_open = [this](size_t connections) { Change([&] { open_ = connections; }); };
    limits.count_closed = [this](Closed reason, std::string_view) {
      Change([&] { ++closed_[static_cast<size_t>(reason)]; });
    };
    auto listening = ListenOn("127.0.0.1", 0, "for tests");
    EXPECT_TRUE(listening.ok()) << listening.status();
    port_ = listening->front().port();
    acceptor_ = std::make_unique<Acceptor>(*std::move(listening), std::move(limits));
    acceptor_->Start();
  }
  ~Accepting() {
    acceptor_.reset();
    for (const int descriptor : taken_) close(descriptor);
  }

  Acceptor& operator*() const { return *acceptor_; }
  uint16_t port() const { return port_; }
  int closed(Closed reason) {
    const std::lock_guard lock(mutex_);
    return closed_[static_cast<size_t>(reason)];
  }
  void WaitForTaken(size_t count) {
    Wait([&] { return taken_.size() == count; });
  }
  void WaitForOpen(size_t count) {
    Wait([&] { return open_ == count; });
  }
  /// As gRPC reads.
  void ReadFromTaken(size_t index, size_t bytes) {
    int descriptor = -1;
    Change([&] { descriptor = taken_[index]; });
    std::array<char, 4096> read;
    while (bytes > 0) {
      const ssize_t now = recv(descriptor, read.data(), std::min(bytes, read.size()), 0);
      if (now > 0) bytes -= static_cast<size_t>(now);
      if (now == 0 || (now < 0 && errno != EAGAIN)) return;  // it was closed
    }
  }
  /// As gRPC does it.
  void EndTaken(size_t index) {
    const std::lock_guard lock(mutex_);
    shutdown(taken_[index], SHUT_RDWR);
  }

 private:
  template <typename Action>
  void Change(const Action& action) {
    const std::lock_guard lock(mutex_);
    action();
    changed_.notify_all();
  }
  template <typename Condition>
  void Wait(const Condition& condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> taken_;
  size_t open_ = 0;
  std::array<int, std::size(kClosedNames)> closed_ = {};
  uint16_t port_ = 0;
  std::unique_ptr<Acceptor> acceptor_;
};

AcceptorOptions Limits(size_t max_connections, size_t max_per_peer = 0, size_t max_resets_per_second = 0) {
  return {.max_connections = max_connections,
          .max_per_peer = max_per_peer,
          .max_resets_per_second = max_resets_per_second,
          .unfinished_headers = {.bytes = 1000, .bytes_per_call = 4000, .bytes_of_all = 8000},
          .abuse_pause = std::chrono::hours(1),
          .hand_over = {},
          .count_open = {},
          .count_closed = {}};
}

TEST(Acceptor, ConnectionsThatEndedAreNotWatchedThoughGrpcHasThemOpen) {
  const size_t before = WatchedDescriptors();
  Accepting accepting(Limits(8));
  const size_t listening = WatchedDescriptors();
  EXPECT_GT(listening, before);
  for (size_t i = 0; i < 3; ++i) {
    Client client;
    ASSERT_TRUE(client.Connect(accepting.port()));
    accepting.WaitForTaken(i + 1);
    EXPECT_EQ(WatchedDescriptors(), listening + 1);
    accepting.EndTaken(i);  // and does not close it
    accepting.WaitForOpen(0);
    EXPECT_EQ(WatchedDescriptors(), listening);
  }
}

TEST(Acceptor, AConnectionCountsUntilItIsShutDown) {
  Accepting accepting(Limits(8));
  Client one, two;
  ASSERT_TRUE(one.Connect(accepting.port()) && two.Connect(accepting.port()));
  accepting.WaitForTaken(2);
  accepting.WaitForOpen(2);
  accepting.EndTaken(0);
  accepting.WaitForOpen(1);
}

TEST(Acceptor, WhatIsBeyondTheLimitIsClosedAndCountedUntilThereIsRoom) {
  Accepting accepting(Limits(1));
  Client first, refused, next;
  ASSERT_TRUE(first.Connect(accepting.port()));
  accepting.WaitForTaken(1);
  ASSERT_TRUE(refused.Connect(accepting.port()));
  EXPECT_TRUE(refused.WaitForEnd());
  EXPECT_EQ(accepting.closed(Closed::kLimit), 1);
  accepting.EndTaken(0);
  accepting.WaitForOpen(0);
  ASSERT_TRUE(next.Connect(accepting.port()));
  accepting.WaitForTaken(2);
}

TEST(Acceptor, APeerCannotTakeThePlaceOfOthers) {
  Accepting accepting(Limits(8, 1));
  Client first("127.0.0.2"), second("127.0.0.2"), other("127.0.0.3");
  ASSERT_TRUE(first.Connect(accepting.port()));
  accepting.WaitForTaken(1);
  ASSERT_TRUE(second.Connect(accepting.port()));
  EXPECT_TRUE(second.WaitForEnd());
  EXPECT_EQ(accepting.closed(Closed::kPeerLimit), 1);
  ASSERT_TRUE(other.Connect(accepting.port()));
  accepting.WaitForTaken(2);
  accepting.EndTaken(0);
  accepting.WaitForOpen(1);
  Client third("127.0.0.2");
  ASSERT_TRUE(third.Connect(accepting.port()));
  accepting.WaitForTaken(3);
}

TEST(Acceptor, AConnectionWhoseCallsAreCancelledTooFastIsClosed) {
  Accepting accepting(Limits(8, 0, 2));
  Client attacker, other;
  ASSERT_TRUE(attacker.Connect(accepting.port()) && other.Connect(accepting.port()));
  accepting.WaitForTaken(2);
  const TimePoint start(std::chrono::hours(1));
  for (int i = 0; i < 10; ++i) {  // twice a second is not too fast
    for (int twice = 0; twice < 2; ++twice) (*accepting).CountReset(attacker.peer(), start + std::chrono::seconds(i));
  }
  EXPECT_EQ(accepting.closed(Closed::kResets), 0);
  for (int i = 0; i < 10; ++i) (*accepting).CountReset(attacker.peer(), start + std::chrono::seconds(20));
  EXPECT_TRUE(attacker.WaitForEnd());
  accepting.WaitForOpen(1);
  EXPECT_EQ(accepting.closed(Closed::kResets), 1);
}

TEST(Acceptor, AnAddressWhoseConnectionWasClosedForResetsHasToWait) {
  Accepting accepting(Limits(8, 0, 1));
  Client attacker("127.0.0.2"), again("127.0.0.2"), other("127.0.0.3");
  ASSERT_TRUE(attacker.Connect(accepting.port()));
  accepting.WaitForTaken(1);
  const TimePoint now = std::chrono::steady_clock::now();
  for (int i = 0; i < 2; ++i) (*accepting).CountReset(attacker.peer(), now);
  EXPECT_TRUE(attacker.WaitForEnd());
  ASSERT_TRUE(again.Connect(accepting.port()));
  EXPECT_TRUE(again.WaitForEnd());
  EXPECT_EQ(accepting.closed(Closed::kPause), 1);
  ASSERT_TRUE(other.Connect(accepting.port()));
  accepting.WaitForTaken(2);
}

/// Looks at a connection of which no call begins, a millisecond after the last look.
class Looking {
 public:
  /// Of the socket's bytes since its beginning, and so many times.
  bool Look(int64_t read, int64_t written = 0, int times = 1) {
    bool is_too_much = false;
    for (int i = 0; i < times; ++i) {
      now_ += std::chrono::milliseconds(1);
      is_too_much = headers_.Look(limits_, calls_, read + i, written, now_);
    }
    return is_too_much;
  }
  static constexpr int kLooks = UnfinishedHeaders::kLooks;
  const UnfinishedHeaderLimits limits_ = Limits(1).unfinished_headers;
  CallCounts calls_;
  UnfinishedHeaders headers_;
  TimePoint now_{std::chrono::hours(1)};
};

TEST(UnfinishedHeaders, AreTooLongWhenSomeLooksHaveFoundMoreBytesEach) {
  Looking looking;
  EXPECT_FALSE(looking.Look(1000 - Looking::kLooks + 1, 0, Looking::kLooks));
  EXPECT_FALSE(looking.Look(1001, 0, Looking::kLooks - 1));
  EXPECT_FALSE(looking.Look(1001, 0)) << "nothing more came: a call may be about to begin";
  EXPECT_TRUE(looking.Look(1100, 0));
}

TEST(UnfinishedHeaders, WhatAServerWithoutCallsWritesIsAnAnswer) {
  Looking looking;
  for (int64_t i = 1; i < 100; ++i) EXPECT_FALSE(looking.Look(2000 * i, i));
  EXPECT_TRUE(looking.Look(201000, 99, Looking::kLooks));
}

TEST(UnfinishedHeaders, ACallThatBeginsAllowsForItsMessageUntilASecondAfterIt) {
  Looking looking;
  EXPECT_FALSE(looking.headers_.CallBegan(looking.calls_, looking.now_));
  looking.calls_.Began();
  EXPECT_TRUE(looking.headers_.CallBegan(looking.calls_, looking.now_));
  EXPECT_FALSE(looking.headers_.CallBegan(looking.calls_, looking.now_));
  EXPECT_FALSE(looking.Look(100000)) << "what came before the call";
  EXPECT_FALSE(looking.Look(104990, 0, Looking::kLooks));
  looking.calls_.Ended();
  EXPECT_FALSE(looking.Look(104995, 0, Looking::kLooks));
  looking.now_ += UnfinishedHeaders::kLateFor;
  EXPECT_FALSE(looking.Look(105000));
  EXPECT_FALSE(looking.Look(105900, 0, Looking::kLooks));
  EXPECT_TRUE(looking.Look(106100, 0, Looking::kLooks));
}

TEST(UnfinishedHeaders, ManyCallsMaySendNoMoreThanTheServerKeeps) {
  Looking looking;
  for (int i = 0; i < 10; ++i) looking.calls_.Began();
  EXPECT_TRUE(looking.headers_.CallBegan(looking.calls_, looking.now_));
  EXPECT_FALSE(looking.Look(0));
  EXPECT_FALSE(looking.Look(8900, 0, Looking::kLooks));
  EXPECT_TRUE(looking.Look(9100, 0, Looking::kLooks));
}

TEST(UnfinishedHeaders, OfALongCallMessagesAndAcknowledgementsCountByTheirBytes) {
  Looking looking;
  looking.calls_.Began();
  EXPECT_TRUE(looking.headers_.CallBegan(looking.calls_, looking.now_));
  EXPECT_FALSE(looking.Look(0));
  for (int i = 1; i < 100; ++i) {
    looking.calls_.MessageCame(3000);
    EXPECT_FALSE(looking.Look(3000 * i + 100, 100 * i));
  }
  EXPECT_FALSE(looking.Look(600000, 9900, Looking::kLooks));
  EXPECT_TRUE(looking.Look(700000, 9900, Looking::kLooks)) << "answers to what came before explain no more";
}

TEST(Acceptor, OfConnectionsThatSendTooMuchTogetherTheOneIsClosedThatIsNearestToItsOwnLimit) {
  AcceptorOptions limits = Limits(8);
  limits.unfinished_headers = {.bytes = 4000, .bytes_per_call = 4000, .bytes_of_all = 3000};
  Accepting accepting(std::move(limits));
  Client with_call("127.0.0.2"), without("127.0.0.3");
  size_t taken = 0;
  for (Client* const client : {&with_call, &without}) {
    ASSERT_TRUE(client->Connect(accepting.port()));
    accepting.WaitForTaken(++taken);
  }
  const std::shared_ptr<CallCounts> calls = (*accepting).CallsOf(with_call.peer());
  calls->Began();
  while (accepting.closed(Closed::kHeaders) == 0) {
    for (size_t i = 0; i < taken; ++i) {
      const int descriptor = (i == 0 ? with_call : without).descriptor();
      if (send(descriptor, "xxxx", 4, MSG_NOSIGNAL) > 0) accepting.ReadFromTaken(i, 4);
    }
  }
  EXPECT_TRUE(without.WaitForEnd());
  accepting.WaitForOpen(1);
  EXPECT_NE((*accepting).CallsOf(with_call.peer()), nullptr);
}

TEST(Acceptor, AConnectionThatSendsHeadersWithoutEndIsClosedAndItsAddressHasToWait) {
  Accepting accepting(Limits(8));
  Client attacker("127.0.0.2"), again("127.0.0.2"), caller("127.0.0.3");
  ASSERT_TRUE(attacker.Connect(accepting.port()));
  accepting.WaitForTaken(1);
  ASSERT_TRUE(caller.Connect(accepting.port()));
  accepting.WaitForTaken(2);
  while (accepting.closed(Closed::kHeaders) == 0) {
    const std::string some(500, 'x');
    const std::shared_ptr<CallCounts> calls = (*accepting).CallsOf(caller.peer());
    ASSERT_NE(calls, nullptr);
    calls->Began();
    calls->Ended();
    send(caller.descriptor(), some.data(), some.size(), MSG_NOSIGNAL);
    accepting.ReadFromTaken(1, some.size());
    if (send(attacker.descriptor(), some.data(), some.size(), MSG_NOSIGNAL) > 0) {
      accepting.ReadFromTaken(0, some.size());
    }
  }
  EXPECT_TRUE(attacker.WaitForEnd());
  accepting.WaitForOpen(1);
  EXPECT_EQ(accepting.closed(Closed::kHeaders), 1);
  ASSERT_TRUE(again.Connect(accepting.port()));
  EXPECT_TRUE(again.WaitForEnd());
  EXPECT_EQ(accepting.closed(Closed::kPause), 1);
  EXPECT_EQ((*accepting).CallsOf(attacker.peer()), nullptr);
}

TEST(Pauses, LastTwiceAsLongEachTimeUntilTheyAreForgotten) {
  Pauses pauses(std::chrono::seconds(1));
  TimePoint now(std::chrono::hours(1));
  EXPECT_FALSE(pauses.Waits("a", now));
  for (const int seconds : {1, 2, 4, 8, 8}) {
    pauses.Begin("a", now);
    pauses.Begin("a", now);  // of another connection that it still had
    EXPECT_TRUE(pauses.Waits("a", now + std::chrono::milliseconds(seconds * 1000 - 1)));
    EXPECT_FALSE(pauses.Waits("a", now + std::chrono::seconds(seconds)));
    EXPECT_FALSE(pauses.Waits("b", now));
    now += std::chrono::seconds(seconds) + Pauses::kForgottenAfter - std::chrono::milliseconds(1);
  }
  now += std::chrono::minutes(3);
  pauses.Begin("a", now);
  EXPECT_FALSE(pauses.Waits("a", now + std::chrono::seconds(1)));
}

TEST(Pauses, OfNoLengthAreNone) {
  Pauses pauses(std::chrono::milliseconds(0));
  pauses.Begin("a", TimePoint());
  EXPECT_FALSE(pauses.Waits("a", TimePoint()));
}

TEST(Pauses, ForgetTheOneThatEndsFirstBeyondTheirNumber) {
  Pauses pauses(std::chrono::seconds(1));
  const TimePoint now(std::chrono::hours(1));
  for (size_t i = 0; i <= Pauses::kMostPeers; ++i) {
    pauses.Begin(absl::StrCat("network ", i), now + std::chrono::microseconds(i));
  }
  EXPECT_FALSE(pauses.Waits("network 0", now));
  EXPECT_TRUE(pauses.Waits("network 1", now));
  EXPECT_TRUE(pauses.Waits(absl::StrCat("network ", Pauses::kMostPeers), now));
}

TEST(Acceptor, ResetsOfAConnectionThatIsGoneMeanNothing) {
  Accepting accepting(Limits(8, 0, 1));
  for (int i = 0; i < 10; ++i) (*accepting).CountReset("ipv4:127.0.0.1:1", TimePoint());
  (*accepting).CountReset("unix:", TimePoint());
  EXPECT_EQ(accepting.closed(Closed::kResets), 0);
}

TEST(Acceptor, OnceItHasStoppedListeningNobodyGetsIn) {
  Accepting accepting(Limits(8));
  Client before, after;
  ASSERT_TRUE(before.Connect(accepting.port()));
  accepting.WaitForTaken(1);
  (*accepting).StopListening();
  EXPECT_FALSE(after.Connect(accepting.port()));
  accepting.EndTaken(0);
  accepting.WaitForOpen(0);
}

TEST(Acceptor, WithoutOpenFilesConnectionsAreClosedAndDoNotWait) {
  Accepting accepting(Limits(8));
  Client client, next;
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const int lowest_free = dup(client.descriptor());
  close(lowest_free);
  const rlimit full = {.rlim_cur = static_cast<rlim_t>(lowest_free), .rlim_max = limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &full);
  ASSERT_TRUE(client.Connect(accepting.port()));
  EXPECT_TRUE(client.WaitForEnd());
  setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_GE(accepting.closed(Closed::kOpenFiles), 1);
  ASSERT_TRUE(next.Connect(accepting.port()));
  accepting.WaitForTaken(1);
}

}  // namespace
}  // namespace roberta::sockets
