#pragma once

#include <memory>
#include <string>

#include "profiles/registry/registry.h"
#include "server/batching/worker_pool.h"
#include "server/metrics/server_metrics.h"
#include "server/service/classify_call.h"
#include "server/service/entrance.h"

namespace roberta::service {

struct CoreOptions {
  std::string model_name;
  RequestLimits limits;
  size_t max_batch_tokens = 2048;
};

/// A classification from request to response, free of gRPC: admit, validate, tokenise (on the tokenizer pool), run in
/// batches (on the executor pool), turn logits into scores (on the tokenizer pool again). Any thread may call.
class ClassificationCore {
 public:
  /// All must outlive the core; the pools must be destroyed, and so emptied, before it.
  struct Parts {
    registry::Registry* registry;
    Entrance* entrance;
    batching::WorkerPool* tokenizers;
    batching::WorkerPool* executors;
    metrics::ServerMetrics* metrics;
  };

  ClassificationCore(CoreOptions options, const Parts& parts);

  /// Takes `call` through; never blocks. Its `done` is called exactly once, perhaps before this returns.
  void Start(std::shared_ptr<ClassifyCall> call);

 private:
  using CallPointer = std::shared_ptr<ClassifyCall>;

  absl::Status ChooseProfile(ClassifyCall& call);
  void TokenizeItems(ClassifyCall& call);
  void RunBatches(ClassifyCall& call);
  void FillResponse(ClassifyCall& call);
  void Finish(ClassifyCall& call);

  const CoreOptions options_;
  const Parts parts_;
};

}  // namespace roberta::service
