#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "config/server_config.pb.h"

namespace roberta::app {

/// The whole server in one object: model, pools, services, health, metrics.
class Server {
 public:
  /// Opens the model, binds all ports and loads the profiles of a config that config::ValidateConfig accepted. Until
  /// all of them have loaded or failed, calls end as UNAVAILABLE and health is NOT_SERVING: a client that repeats such
  /// a call gets its response, while a client would give up if the status were that its profile is not ready. Errors:
  /// those of the model or its sample, a port that cannot be bound (AlreadyExists), a default profile that does not
  /// load or fails its quality gate. Any other profile that fails is logged and listed as FAILED. `before_ready` is
  /// called before the first call is accepted; until then nothing is lost if the process ends.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const config::ServerConfig& config, const std::function<void()>& before_ready = [] {});

  /// Stops everything that still runs at once; call Drain before for an orderly shutdown.
  virtual ~Server() = default;

  /// Reports NOT_SERVING, continues to serve for `drain_delay`, then refuses new calls with UNAVAILABLE and waits until
  /// accepted calls are answered, at most `drain_timeout`. Returns whether all of them were.
  virtual bool Drain(std::chrono::milliseconds drain_delay, std::chrono::milliseconds drain_timeout) = 0;

  virtual uint16_t port() const = 0;
  virtual uint16_t metrics_port() const = 0;
  virtual uint16_t http_port() const = 0;  ///< 0 if JSON over HTTP is off
};

}  // namespace roberta::app
