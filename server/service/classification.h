#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "profiles/registry/registry.h"
#include "server/batching/batch_queue.h"
#include "server/batching/worker_pool.h"
#include "server/metrics/server_metrics.h"
#include "server/request_log/request_log.h"
#include "server/service/admission_control.h"
#include "server/service/brown_out.h"
#include "server/service/classify_call.h"
#include "server/service/concurrency_limit.h"
#include "server/service/profile_selection.h"
#include "server/service/shadow_traffic.h"

namespace roberta::service {

/// The way of a Classify call from request to response:
///   permit -> validation -> profile selection -> admission       (on the thread that delivers the request)
///   -> item validation and tokenizing                            (tokenizer pool)
///   -> queue -> batch                                            (executors)
///   -> response, counting, logging, shadow traffic               (tokenizer pool)
/// A call that fails anywhere goes straight to the last step. Any thread may call.
class Classification {
 public:
  struct Options {
    std::string model_name;
    RequestLimits limits;
  };
  /// All must outlive this; the tokenizer pool and the queue's executors must be destroyed before it, which runs
  /// everything that they hold.
  struct Parts {
    registry::Registry* registry;
    ConcurrencyLimit* concurrency;
    const AdmissionControl* admission;
    batching::WorkerPool* tokenizers;
    batching::BatchQueue* queue;  ///< see QueueProfiles
    metrics::ServerMetrics* metrics;
    request_log::RequestLog* log = nullptr;  ///< nullptr: calls are not logged
    BrownOutLadder* brown_out = nullptr;     ///< nullptr: no brown-out
    ShadowTraffic* shadow = nullptr;         ///< nullptr: no shadow traffic
  };

  Classification(Options options, const Parts& parts);

  /// Starts `call`; never blocks. Its `done` is called exactly once, perhaps before this returns.
  void Start(std::shared_ptr<ClassifyCall> call);
  /// Ends a call whose message could not be read with `status`, before this returns.
  void Refuse(const std::shared_ptr<ClassifyCall>& call, absl::Status status);

  /// Selects the profile for a stream, without brown-out, and notes it in `stream` and its response.
  absl::Status SelectProfileOfStream(ClassifyCall& stream) const;
  /// Starts a part of a stream, as bulk work. The stream holds the permit, is counted as a call itself, and has put its
  /// settings and profile into `call`: only the items of the part are counted here.
  void StartPart(std::shared_ptr<ClassifyCall> call);

  const std::vector<std::string>& profile_names() const { return parts_.registry->names(); }

 private:
  using CallPointer = std::shared_ptr<ClassifyCall>;

  absl::Status Admit(ClassifyCall& call) const;
  void TokenizeAndEnqueue(CallPointer call);
  void Tokenize(ClassifyCall& call) const;
  absl::Status TokenizeItem(ClassifyCall& call, int item, v1::ItemResult* result) const;
  void Enqueue(CallPointer call);
  void CollectResults(ClassifyCall& call) const;
  void Finish(ClassifyCall& call);
  void CountItems(const ClassifyCall& call) const;
  void Record(ClassifyCall& call) const;

  const Options options_;
  const Parts parts_;
  const ProfileSelection selection_;
};

}  // namespace roberta::service
