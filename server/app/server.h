#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/server_config.pb.h"

namespace roberta::app {

/// The whole server in one object: model, pools, services, health, metrics.
class Server {
 public:
  /// Opens the model, binds both ports and loads the profiles of a config that config::ValidateConfig accepted. Until
  /// all of them have loaded or failed, the port answers UNAVAILABLE and NOT_SERVING: a client that repeats such a call
  /// gets its answer, while one that was told that its profile is not ready would give up. Errors: what is wrong with
  /// the model or its sample, a port that cannot be bound (AlreadyExists), a default profile that does not load or
  /// misses its quality gate. Another profile of which that is true is logged and shown as FAILED.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const config::ServerConfig& config);

  /// Stops at once what is still running; Drain before for an orderly end.
  virtual ~Server() = default;

  /// Reports NOT_SERVING, goes on serving for `drain_delay`, then refuses new calls with UNAVAILABLE and waits until
  /// accepted ones are answered, at most `drain_timeout`. True if none was left.
  virtual bool Drain(std::chrono::milliseconds drain_delay, std::chrono::milliseconds drain_timeout) = 0;

  virtual uint16_t port() const = 0;
  virtual uint16_t metrics_port() const = 0;
};

}  // namespace roberta::app
