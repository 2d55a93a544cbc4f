#include "server/metrics/server_metrics.h"

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <string_view>
#include <utility>

#include "profiles/errors/errors.h"

namespace roberta::metrics {
namespace {

constexpr char kPlainPage[] = "text/plain; charset=utf-8";
constexpr size_t kMostConnections = 64;
constexpr size_t kMostConnectionsPerPeer = 8;  // so that none can take all from those who probe
constexpr size_t kMostBodyBytes = 1024;        // of requests, which need none
constexpr std::chrono::seconds kIdleTimeout(10);

/// [Readiness]
constexpr const char* kReadiness[] = {"not ready: the profiles are being loaded\n", "ready\n",
                                      "not ready: the server is shutting down\n"};

http::Response ReadyPage(Readiness readiness) {
  return {readiness == Readiness::kServing ? 200u : 503u, kPlainPage, kReadiness[static_cast<size_t>(readiness)]};
}

}  // namespace

ServerMetrics::ServerMetrics(const MetricsOptions& options)
    : registry_(std::make_shared<prometheus::Registry>()),
      calls_(registry_.get(), options.profiles, options.failure_reasons),
      items_(registry_.get(), options.profiles),
      batches_(registry_.get(), options.profiles),
      queue_(registry_.get(), options.profiles),
      profiles_(registry_.get(), options.profiles),
      brown_out_(registry_.get()),
      shadow_(registry_.get(), options.profiles),
      admission_(registry_.get(), options.profiles),
      rpcs_(registry_.get(), options.rpc_methods, options.rpc_methods_on_use, options.rpc_codes),
      connections_(registry_.get()),
      http_(registry_.get()),
      security_(registry_.get()),
      memory_(registry_.get()),
      build_(registry_.get(), options.computation),
      process_(registry_.get()) {}

ServerMetrics::~ServerMetrics() = default;

absl::StatusOr<uint16_t> ServerMetrics::Expose(const std::string& host, uint16_t port, bool only_loopback) {
  http::Options options = {.host = host, .port = port, .purpose = "for metrics", .only_loopback = only_loopback};
  options.max_connections = kMostConnections;
  options.max_connections_per_peer = kMostConnectionsPerPeer;
  options.max_body_bytes = kMostBodyBytes;
  options.idle_timeout = kIdleTimeout;
  const auto answer = [this](const http::Request& request, http::Responder responder) {
    const bool reads = request.method == "GET" || request.method == "HEAD";
    responder.Respond(
        reads ? PageAt(request.path)
              : http::Response{405, kPlainPage, "this server answers only GET and HEAD\n", {{"Allow", "GET, HEAD"}}});
  };
  ASSIGN_OR_RETURN(endpoint_, http::Server::Start(std::move(options), answer));
  return endpoint_->port();
}

void ServerMetrics::PageLater(std::string path, std::function<void(http::Response)> take) {
  endpoint_->Post([this, path = std::move(path), take = std::move(take)] { take(PageAt(path)); });
}

http::Response ServerMetrics::PageAt(std::string_view path) {
  if (path == "/metrics") return {200, "text/plain; version=0.0.4; charset=utf-8", Scrape()};
  if (path == "/healthz") return {200, kPlainPage, "alive\n"};
  if (path == "/readyz") return ReadyPage(readiness_);
  return {404, kPlainPage, "there is no such page\n"};
}

std::string ServerMetrics::Scrape() {
  refresh_();
  shadow_.Refresh();
  build_.Refresh();
  process_.Refresh();
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace roberta::metrics
