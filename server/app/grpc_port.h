#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "config/server_config.pb.h"
#include "server/metrics/server_metrics.h"
#include "server/sockets/acceptor.h"
#include "server/transport/first_messages.h"

namespace grpc {
class Server;
class ServerBuilder;
class ServerCredentials;
}  // namespace grpc

namespace roberta::app {

/// The port with gRPC, and the Unix socket if there is one: its connections and gRPC's server, within the limits of a
/// config that config::ValidateConfig accepted.
class GrpcPort {
 public:
  /// Both must outlive this.
  GrpcPort(const config::ServerConfig& config, metrics::ServerMetrics* metrics);
  ~GrpcPort();

  /// Listens, and starts gRPC with the services that `add_services` registers. Connections by TCP have `credentials`;
  /// they wait until Accept. The system has open files for `most_connections`. Errors: see sockets::ListenOn.
  absl::Status Listen(const std::shared_ptr<grpc::ServerCredentials>& credentials, size_t most_connections,
                      const std::function<void(grpc::ServerBuilder*)>& add_services);
  void Accept() { acceptor_->Start(); }

  uint16_t port() const { return port_; }
  bool is_listening() const { return grpc_server_ != nullptr; }

  /// Ends calls whose first message is late at `now`, and counts them. Any thread, at any time.
  void EndLateCalls(std::chrono::steady_clock::time_point now);

  /// From now on nobody connects; connections go on.
  void StopListening() { acceptor_->StopListening(); }
  /// Waits until all calls have ended, at most `timeout`, and then ends them.
  void Shutdown(std::chrono::milliseconds timeout);

 private:
  const config::ServerConfig& config_;
  metrics::ServerMetrics* const metrics_;
  transport::FirstMessages first_messages_;
  std::unique_ptr<sockets::Acceptor> acceptor_;
  std::unique_ptr<grpc::Server> grpc_server_;
  uint16_t port_ = 0;
};

}  // namespace roberta::app
