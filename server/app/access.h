#pragma once

#include <memory>

#include "absl/status/status.h"
#include "config/server_config.pb.h"
#include "server/http/server.h"
#include "server/metrics/security_metrics.h"
#include "server/security/files.h"
#include "server/security/guard.h"

namespace grpc {
class ServerCredentials;
}

namespace roberta::app {

/// Who may connect and call: the guard and TLS of all ports, and the files that they come from.
class Access {
 public:
  /// `config` is one that config::ValidateConfig accepted; both must outlive this. Nobody is known before Open.
  Access(const config::ServerConfig& config, metrics::SecurityMetrics* metrics);

  /// Reads the files. Errors: see security::SecurityFiles::Open.
  absl::Status Open();

  const security::Guard* guard() const { return &guard_; }
  /// For connections over gRPC and HTTP, after Open; both must be closed before this is destroyed. Plain without TLS.
  std::shared_ptr<grpc::ServerCredentials> grpc_credentials() const { return grpc_credentials_; }
  std::shared_ptr<ssl_ctx_st> http_context() const;  ///< nullptr: plain

  /// From now on changes of the files are used, by `http` as well unless it is nullptr, until Stop.
  void Watch(http::Server* http);
  void Stop() { files_->Stop(); }

 private:
  void Changed(const security::FileChange& change) const;

  const config::ServerConfig& config_;
  metrics::SecurityMetrics* const metrics_;
  security::Guard guard_;
  http::Server* http_ = nullptr;
  std::unique_ptr<security::SecurityFiles> files_;
  std::shared_ptr<grpc::ServerCredentials> grpc_credentials_;
};

/// Reads the files of a config that config::ValidateConfig accepted, as Access::Open does.
absl::Status CheckAccessFiles(const config::ServerConfig& config);

}  // namespace roberta::app
