#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "profiles/registry/registry.h"
#include "profiles/tokenizer/tokenizer.h"
#include "roberta/internal/requests.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "server/admission/permits.h"
#include "server/batching/batch_queue.h"
#include "server/batching/worker_pool.h"
#include "server/metrics/server_metrics.h"
#include "server/request_log/call_identity.h"
#include "server/request_log/request_log.h"
#include "server/service/admission_control.h"
#include "server/service/entrance.h"
#include "server/service/request_validation.h"

namespace roberta::service {

/// A profile that takes part in a comparison, and what it made of the text.
struct Contestant {
  std::string name;
  registry::LoadedProfile profile;  ///< empty if `status` was not ok from the start
  absl::Status status;
  std::vector<float> logits;  ///< [labels]
  int64_t infer_ns = 0;
};

/// One Compare call on its way through the service. It is in the hands of one thread at a time; only `cancelled` may be
/// set by any thread at any time.
struct ComparisonCall {
  explicit ComparisonCall(metrics::PhaseClock::Clock::time_point arrival) : clock(arrival) {}

  // Given by the caller.
  internal::RawCompareRequest request;
  request_log::CallIdentity identity;
  std::chrono::system_clock::time_point deadline = std::chrono::system_clock::time_point::max();
  /// Called exactly once, on any thread; `response` is meaningful if `status` is ok.
  absl::AnyInvocable<void(ComparisonCall&)> done;
  std::atomic<bool> cancelled{false};

  // Grown on the way.
  admission::Permit permit;
  metrics::PhaseClock clock;
  CallSettings settings;
  tokenizer::Encoding encoding;
  std::vector<Contestant> contestants;  ///< in the order of the response
  Contestant baseline;                  ///< its name is empty if the baseline is not READY
  batching::Job job;                    ///< the whole comparison as one item without outputs
  absl::Status status;
  std::vector<FieldProblem> problems;
  v1::CompareResponse response;
};

/// A comparison from request to response, free of gRPC. Any thread may call.
class ComparisonCore {
 public:
  /// All must outlive the core; tokenizers and the queue's executors must be destroyed, and so emptied, before it.
  struct Parts {
    registry::Registry* registry;
    Entrance* entrance;
    const AdmissionControl* admission;
    batching::WorkerPool* tokenizers;
    batching::BatchQueue* queue;  ///< comparisons are the profile after the registry's
    metrics::ServerMetrics* metrics;
    request_log::RequestLog* log = nullptr;  ///< nullptr: calls are not logged
  };

  ComparisonCore(std::string model_name, const RequestLimits& limits, const Parts& parts)
      : model_name_(std::move(model_name)), limits_(limits), parts_(parts) {}

  /// Takes `call` through; never blocks. Its `done` is called exactly once, perhaps before this returns.
  void Start(std::shared_ptr<ComparisonCall> call);

  /// Ends a call that could not be read with `status`, before this returns.
  void Refuse(const std::shared_ptr<ComparisonCall>& call, absl::Status status) const;

 private:
  void Prepare(ComparisonCall& call) const;
  void ChooseProfiles(ComparisonCall& call) const;
  void Enqueue(std::shared_ptr<ComparisonCall> call);
  void Run(ComparisonCall& call) const;
  void RunOne(const ComparisonCall& call, Contestant* contestant) const;
  void FillResponse(ComparisonCall& call) const;
  void Finish(ComparisonCall& call) const;

  const std::string model_name_;
  const RequestLimits limits_;
  const Parts parts_;
};

}  // namespace roberta::service
