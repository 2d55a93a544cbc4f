#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "server/batching/batch_queue.h"

namespace roberta::app {

/// Tells a service manager how the server fares, as sd_notify(3) describes: datagrams to the Unix socket that systemd,
/// or what acts like it, names in $NOTIFY_SOCKET. Without that variable nothing is sent. Any thread may call.
class ServiceManager {
 public:
  /// A variable that makes no sense is logged, and then counts as absent: the server serves all the same.
  static ServiceManager FromEnvironment();
  ServiceManager(ServiceManager&& other) noexcept;
  ServiceManager& operator=(ServiceManager&&) = delete;
  ~ServiceManager();

  /// `state` is lines of VARIABLE=VALUE. Waits for at most a second. What cannot be sent is lost: a manager that misses
  /// it acts by its own timeouts.
  void Send(std::string_view state) const;

  /// How often it wants to be told that the server works: half of what $WATCHDOG_USEC has for this process, so that a
  /// late message does no harm. Nothing: it does not watch.
  std::optional<std::chrono::microseconds> ping_interval() const { return ping_interval_; }

 private:
  ServiceManager() = default;

  int socket_ = -1;
  std::string address_;  // a sockaddr_un, as bytes
  std::optional<std::chrono::microseconds> ping_interval_;
};

/// Decides when the watchdog of the service manager is pinged. Not thread-safe.
class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Watchdog(std::chrono::microseconds interval) : interval_(interval) {}

  /// Whether to send a ping at `now`: the interval has passed, and since the last ping a batch has ended, unless the
  /// executors have nothing to do. True: counts as sent.
  bool IsDue(Clock::time_point now, const batching::BatchQueue::Progress& progress);

 private:
  const std::chrono::microseconds interval_;
  std::optional<Clock::time_point> last_;
  uint64_t ended_at_last_ = 0;
};

}  // namespace roberta::app
