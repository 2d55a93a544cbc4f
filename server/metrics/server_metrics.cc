#include "server/metrics/server_metrics.h"

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <optional>
#include <string_view>

#include "profiles/errors/errors.h"
#include "server/metrics/http_endpoint.h"

namespace roberta::metrics {
namespace {

constexpr char kPlainPage[] = "text/plain; charset=utf-8";

/// [Readiness]
constexpr const char* kReadiness[] = {"not ready: the profiles are being loaded\n", "ready\n",
                                      "not ready: the server is shutting down\n"};

Page ReadyPage(Readiness readiness) {
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
      rpcs_(registry_.get(), options.rpc_methods, options.rpc_codes),
      build_(registry_.get(), options.computation),
      process_(registry_.get()) {}

ServerMetrics::~ServerMetrics() = default;

absl::StatusOr<uint16_t> ServerMetrics::Expose(const std::string& host, uint16_t port) {
  const auto page_at = [this](std::string_view path) -> std::optional<Page> {
    if (path == "/metrics") return Page{200, "text/plain; version=0.0.4; charset=utf-8", Scrape()};
    if (path == "/healthz") return Page{200, kPlainPage, "alive\n"};
    if (path == "/readyz") return ReadyPage(readiness_);
    return std::nullopt;
  };
  ASSIGN_OR_RETURN(endpoint_, HttpEndpoint::Start(host, port, page_at));
  return endpoint_->port();
}

std::string ServerMetrics::Scrape() {
  refresh_();
  shadow_.Refresh();
  build_.Refresh();
  process_.Refresh();
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace roberta::metrics
