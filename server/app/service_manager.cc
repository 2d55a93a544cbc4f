#include "server/app/service_manager.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace roberta::app {
namespace {

/// The address of a Unix socket: a path, or @ and the name of an abstract one. Nothing if it is neither, or too long.
std::optional<std::string> ToAddress(std::string_view name) {
  sockaddr_un address = {};
  const bool is_abstract = name.starts_with('@');
  if (name.size() < 2 || (!is_abstract && !name.starts_with('/')) || name.size() >= sizeof(address.sun_path)) return {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (is_abstract) address.sun_path[0] = '\0';
  // The name of an abstract socket is all of its bytes, that of another ends with a zero.
  const size_t size = offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1);
  return std::string(reinterpret_cast<const char*>(&address), size);
}

/// A positive number that is all of `text`.
std::optional<uint64_t> ToNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return {};
  return number;
}

/// $WATCHDOG_USEC, if it is meant for this process.
std::optional<std::chrono::microseconds> WatchdogTime() {
  const char* const time = std::getenv("WATCHDOG_USEC");
  const char* const process = std::getenv("WATCHDOG_PID");
  if (time == nullptr) return {};
  if (process != nullptr && ToNumber(process) != static_cast<uint64_t>(getpid())) return {};
  const std::optional<uint64_t> microseconds = ToNumber(time);
  if (!microseconds) spdlog::warn("WATCHDOG_USEC is not a positive number: '{}'; the server is not watched", time);
  if (!microseconds) return {};
  return std::chrono::microseconds(*microseconds);
}

}  // namespace

ServiceManager ServiceManager::FromEnvironment() {
  ServiceManager manager;
  const char* const name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr) return manager;
  const std::optional<std::string> address = ToAddress(name);
  if (!address) {
    spdlog::warn("NOTIFY_SOCKET is neither a path nor @ and a name, or too long: '{}'; nobody is notified", name);
    return manager;
  }
  manager.socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (manager.socket_ < 0) {
    spdlog::warn("NOTIFY_SOCKET '{}': no socket: {}", name, std::strerror(errno));
    return manager;
  }
  const timeval longest = {.tv_sec = 1, .tv_usec = 0};
  setsockopt(manager.socket_, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest));
  manager.address_ = *address;
  if (const auto time = WatchdogTime()) manager.ping_interval_ = *time / 2;
  return manager;
}

ServiceManager::ServiceManager(ServiceManager&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      address_(std::move(other.address_)),
      ping_interval_(other.ping_interval_) {}

ServiceManager::~ServiceManager() {
  if (socket_ >= 0) close(socket_);
}

void ServiceManager::Send(std::string_view state) const {
  if (socket_ < 0) return;
  const auto* const address = reinterpret_cast<const sockaddr*>(address_.data());
  const auto size = static_cast<socklen_t>(address_.size());
  if (sendto(socket_, state.data(), state.size(), MSG_NOSIGNAL, address, size) >= 0) return;
  spdlog::warn("NOTIFY_SOCKET: cannot send {}: {}", state.substr(0, state.find('\n')), std::strerror(errno));
}

bool Watchdog::IsDue(Clock::time_point now, const batching::BatchQueue::Progress& progress) {
  if (last_ && now - *last_ < interval_) return false;
  if (last_ && progress.has_work && progress.batches_ended == ended_at_last_) return false;
  last_ = now;
  ended_at_last_ = progress.batches_ended;
  return true;
}

}  // namespace roberta::app
