#include "server/app/access.h"

#include <grpcpp/security/server_credentials.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "profiles/errors/errors.h"
#include "server/transport/tls_credentials.h"

namespace roberta::app {

using std::chrono::milliseconds;

namespace {

security::GuardOptions ToGuardOptions(const config::ServerConfig& config, metrics::SecurityMetrics* metrics) {
  return {.anonymous_role = security::RoleNamed(config.access().anonymous_role()).value_or(security::Role::kNone),
          .certificates = !config.tls().client_ca_file().empty(),
          .failure_delay = milliseconds(config.access().failure_delay_ms()),
          .max_delayed_failures = config.access().max_delayed_failures(),
          .failed = [metrics](security::Failure failure) { metrics->CountFailure(failure); }};
}

security::SecurityFilesOptions ToFilesOptions(const config::ServerConfig& config) {
  return {.credentials_file = config.access().credentials_file(),
          .certificate_file = config.tls().certificate_file(),
          .key_file = config.tls().key_file(),
          .client_ca_file = config.tls().client_ca_file(),
          .require_client_certificate = config.tls().require_client_certificate(),
          .interval = milliseconds(config.tls().reload_interval_ms())};
}

}  // namespace

Access::Access(const config::ServerConfig& config, metrics::SecurityMetrics* metrics)
    : config_(config), metrics_(metrics), guard_(ToGuardOptions(config, metrics)) {}

absl::Status Access::Open() {
  security::SecurityFilesOptions options = ToFilesOptions(config_);
  options.changed = [this](const security::FileChange& change) { Changed(change); };
  ASSIGN_OR_RETURN(files_, security::SecurityFiles::Open(std::move(options), &guard_));
  grpc_credentials_ = grpc::InsecureServerCredentials();
  if (files_->tls() == nullptr) return absl::OkStatus();
  grpc_credentials_ =
      transport::MakeTlsCredentials({.current = [this] { return files_->tls(); },
                                     .asks_for_certificate = !config_.tls().client_ca_file().empty(),
                                     .requires_certificate = config_.tls().require_client_certificate()});
  return absl::OkStatus();
}

std::shared_ptr<ssl_ctx_st> Access::http_context() const {
  const std::shared_ptr<const security::TlsMaterial> tls = files_->tls();
  return tls == nullptr ? nullptr : tls->context;
}

void Access::Watch(http::Server* http) {
  http_ = http;
  files_->Watch();
}

void Access::Changed(const security::FileChange& change) const {
  metrics_->CountRead(change.kind, change.status.ok());
  if (change.expires) metrics_->SetExpiry(*change.expires);
  if (!change.status.ok()) return spdlog::error("{}; what was good before stays in use", change.line);
  spdlog::info("{}", change.line);
  if (change.kind == security::FileKind::kTls && http_ != nullptr) http_->SetTls(http_context());
}

absl::Status CheckAccessFiles(const config::ServerConfig& config) {
  security::Guard guard({});
  return security::SecurityFiles::Open(ToFilesOptions(config), &guard).status();
}

}  // namespace roberta::app
