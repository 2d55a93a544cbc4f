#pragma once

#include <memory>
#include <string>

#include "profiles/registry/registry.h"
#include "server/batching/batch_queue.h"
#include "server/batching/worker_pool.h"
#include "server/metrics/server_metrics.h"
#include "server/request_log/request_log.h"
#include "server/service/admission_control.h"
#include "server/service/brown_out_ladder.h"
#include "server/service/classify_call.h"
#include "server/service/entrance.h"
#include "server/service/shadow_traffic.h"

namespace roberta::service {

struct CoreOptions {
  std::string model_name;
  RequestLimits limits;
};

/// A classification from request to response, free of gRPC: validate, choose a profile, admit, tokenise (on the
/// tokenizer pool), wait and run in batches with others (queue and executors), turn logits into scores (on the
/// tokenizer pool again). Any thread may call.
class ClassificationCore {
 public:
  /// All must outlive the core; tokenizers and the queue's executors must be destroyed, and so emptied, before it.
  struct Parts {
    registry::Registry* registry;
    Entrance* entrance;
    const AdmissionControl* admission;
    batching::WorkerPool* tokenizers;
    batching::BatchQueue* queue;  ///< its profiles are those of the registry, in that order, perhaps with others
    metrics::ServerMetrics* metrics;
    request_log::RequestLog* log = nullptr;  ///< nullptr: calls are not logged
    BrownOutLadder* brown_out = nullptr;     ///< nullptr: the default profile answers calls that name none
    ShadowTraffic* shadow = nullptr;         ///< nullptr: no call runs again
  };

  ClassificationCore(CoreOptions options, const Parts& parts);

  /// Takes `call` through; never blocks. Its `done` is called exactly once, perhaps before this returns.
  void Start(std::shared_ptr<ClassifyCall> call);

  /// The same for a part of a stream, as bulk work: the stream has been admitted, has checked the settings and chosen
  /// the profile, both of which stand in `call`, and is counted as a call. Only items are counted here.
  void StartPart(std::shared_ptr<ClassifyCall> call);

  /// Finds the profile for a stream, as for a call but without brown-out, and notes it in `stream` and its response.
  absl::Status ChooseProfileOfStream(ClassifyCall& stream) const;

  const std::vector<std::string>& profile_names() const { return parts_.registry->names(); }

  /// Ends a call that could not be read with `status`, before this returns.
  void Refuse(const std::shared_ptr<ClassifyCall>& call, absl::Status status);

 private:
  using CallPointer = std::shared_ptr<ClassifyCall>;

  absl::Status Admit(ClassifyCall& call) const;
  size_t IndexOf(const registry::LoadedProfile& profile) const;
  void Advance(CallPointer call);
  absl::Status ChooseProfile(ClassifyCall& call, batching::Clock::time_point now) const;
  absl::StatusOr<registry::LoadedProfile> ChooseUnnamed(ClassifyCall& call) const;
  absl::StatusOr<registry::LoadedProfile> ChooseAutomatically(ClassifyCall& call,
                                                              batching::Clock::time_point now) const;
  void TokenizeItems(ClassifyCall& call);
  void Enqueue(CallPointer call);
  void Collect(ClassifyCall& call);
  void FillResponse(ClassifyCall& call);
  void Record(ClassifyCall& call);
  void Finish(ClassifyCall& call);

  const CoreOptions options_;
  const Parts parts_;
};

}  // namespace roberta::service
