#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/http/server.h"
#include "server/metrics/call_metrics.h"
#include "server/metrics/load_metrics.h"
#include "server/metrics/process_metrics.h"
#include "server/metrics/security_metrics.h"

namespace roberta::metrics {

/// Whether the server takes requests, which /readyz reports.
enum class Readiness { kLoading, kServing, kDraining };

struct MetricsOptions {
  std::vector<std::string> profiles;                 ///< values of the label `profile`
  std::vector<std::string> failure_reasons;          ///< values of the label `reason` of request_failures_total
  std::vector<std::string> rpc_methods;              ///< values of the label `grpc_method`
  std::vector<std::string> rpc_methods_on_use = {};  ///< likewise; their series appear with their first call
  std::vector<int> rpc_codes;  ///< of the label `grpc_status`, by number: those with series from the start
  Computation computation;
};

/// The server's Prometheus metrics, with a class for each group of families that belong together, and the HTTP endpoint
/// that serves them and reports whether the server is alive and ready. Every series that is expected to occur exists
/// from construction, and no other. Only histograms take a lock when they count. Any thread may call. Label values come
/// from fixed lists, so that clients cannot add series: a profile name that is not in the list counts as "none".
class ServerMetrics {
 public:
  explicit ServerMetrics(const MetricsOptions& options);
  ~ServerMetrics();
  ServerMetrics(const ServerMetrics&) = delete;
  ServerMetrics& operator=(const ServerMetrics&) = delete;

  CallMetrics& calls() { return calls_; }
  ItemMetrics& items() { return items_; }
  BatchMetrics& batches() { return batches_; }
  QueueMetrics& queue() { return queue_; }
  ProfileMetrics& profiles() { return profiles_; }
  BrownOutMetrics& brown_out() { return brown_out_; }
  ShadowMetrics& shadow() { return shadow_; }
  AdmissionMetrics& admission() { return admission_; }
  RpcMetrics& rpcs() { return rpcs_; }
  ConnectionMetrics& connections() { return connections_; }
  HttpMetrics& http() { return http_; }
  SecurityMetrics& security() { return security_; }
  MemoryMetrics& memory() { return memory_; }
  std::atomic<Readiness>& readiness() { return readiness_; }

  /// Each scrape calls `refresh` first, on its own thread; what it uses must outlive this. Call before Expose.
  void BeforeScrape(std::function<void()> refresh) { refresh_ = std::move(refresh); }

  /// Serves HTTP on `host`:`port` (0: a free port) and returns the port. The pages are /metrics; /healthz, which always
  /// answers 200; /readyz, which answers 200 while the server serves and otherwise 503 with the reason. For
  /// `only_loopback` see http::Options. Errors: see sockets::ListenOn.
  absl::StatusOr<uint16_t> Expose(const std::string& host, uint16_t port, bool only_loopback);

  /// Hands over the page at `path`, on the thread that makes all pages. Only after Expose; any thread may call.
  void PageLater(std::string path, std::function<void(http::Response)> take);

  /// All metrics in Prometheus' text format. One thread at a time may call; after Expose only the endpoint may.
  std::string Scrape();

 private:
  http::Response PageAt(std::string_view path);

  const std::shared_ptr<prometheus::Registry> registry_;
  CallMetrics calls_;
  ItemMetrics items_;
  BatchMetrics batches_;
  QueueMetrics queue_;
  ProfileMetrics profiles_;
  BrownOutMetrics brown_out_;
  ShadowMetrics shadow_;
  AdmissionMetrics admission_;
  RpcMetrics rpcs_;
  ConnectionMetrics connections_;
  HttpMetrics http_;
  SecurityMetrics security_;
  MemoryMetrics memory_;
  BuildMetrics build_;
  ProcessMetrics process_;
  std::atomic<Readiness> readiness_{Readiness::kLoading};
  std::function<void()> refresh_ = [] {};
  std::unique_ptr<http::Server> endpoint_;  // last, because it reads the others until it is destroyed
};

}  // namespace roberta::metrics
