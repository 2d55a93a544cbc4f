#pragma once

#include <string>

#include "profiles/registry/registry.h"
#include "server/batching/batch_queue.h"
#include "server/batching/executors.h"
#include "server/metrics/server_metrics.h"
#include "server/request_log/request_log.h"
#include "server/service/request_validation.h"

namespace roberta::service {

class AdmissionControl;
class BrownOutLadder;
class ConcurrencyLimit;
class MemoryGuard;
class ParkedRefusals;
class ShadowTraffic;

/// What the calls of a server share. All must outlive the classes that are given it. The worker pools and the queue's
/// executors must be destroyed before these classes, because their destructors run everything that they hold.
struct Parts {
  std::string model_name = {};
  RequestLimits limits = {};
  registry::Registry* registry = nullptr;
  ConcurrencyLimit* concurrency = nullptr;
  const AdmissionControl* admission = nullptr;
  batching::WorkerPool* tokenizers = nullptr;
  batching::WorkerPool* loads = nullptr;  ///< of one thread
  batching::BatchQueue* queue = nullptr;  ///< see QueueProfiles
  metrics::ServerMetrics* metrics = nullptr;
  request_log::RequestLog* log = nullptr;  ///< nullptr: calls are not logged
  BrownOutLadder* brown_out = nullptr;     ///< nullptr: no brown-out
  ShadowTraffic* shadow = nullptr;         ///< nullptr: no shadow traffic
  ParkedRefusals* refusals = nullptr;      ///< nullptr: refusals leave at once
  const MemoryGuard* memory = nullptr;     ///< nullptr: memory is not looked at
};

}  // namespace roberta::service
