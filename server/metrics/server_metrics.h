#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/metrics/admission_metrics.h"
#include "server/metrics/batch_metrics.h"
#include "server/metrics/brown_out_metrics.h"
#include "server/metrics/build_metrics.h"
#include "server/metrics/call_metrics.h"
#include "server/metrics/item_metrics.h"
#include "server/metrics/process_metrics.h"
#include "server/metrics/profile_metrics.h"
#include "server/metrics/queue_metrics.h"
#include "server/metrics/readiness.h"
#include "server/metrics/rpc_metrics.h"
#include "server/metrics/shadow_metrics.h"

namespace roberta::metrics {

class HttpEndpoint;

struct MetricsOptions {
  std::vector<std::string> profiles;         ///< values of the label `profile`
  std::vector<std::string> failure_reasons;  ///< values of the label `reason` of request_failures_total
  std::vector<std::string> rpc_methods;      ///< values of the label `grpc_method`
  std::vector<int> rpc_codes;                ///< values of the label `grpc_status`, by number
  Computation computation;
};

/// The server's Prometheus metrics, a class for each group of families that belong together, and the HTTP endpoint that
/// serves them and tells whether the server is alive and ready. All series are made at construction; counting takes no
/// lock but for histograms. Any thread may call. Label values come from fixed lists only: a profile name nobody knows
/// is counted as "none".
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
  Readiness& readiness() { return readiness_; }

  /// Serves over HTTP on `host`:`port` (0: a free one) and returns the port: /metrics; /healthz, 200 as long as there
  /// is an answer at all; /readyz, 200 when serving and else 503 with the reason. Errors: see HttpEndpoint::Start.
  absl::StatusOr<uint16_t> Expose(const std::string& host, uint16_t port);

  /// All metrics in Prometheus' text format. By one thread at a time: once exposed, by the endpoint's alone.
  std::string Scrape();

 private:
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
  BuildMetrics build_;
  ProcessMetrics process_;
  Readiness readiness_;
  std::unique_ptr<HttpEndpoint> endpoint_;  // last: it reads the others until it is gone
};

}  // namespace roberta::metrics
