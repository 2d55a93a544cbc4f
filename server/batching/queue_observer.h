#pragma once

namespace roberta::batching {

struct Batch;
struct BatchPart;
struct BatchRun;
struct Job;

/// Told what goes through a BatchQueue, in the order in which it happens and under the queue's lock: must be quick, and
/// must not call the queue.
class QueueObserver {
 public:
  virtual ~QueueObserver() = default;
  /// All items of `job` wait from now on.
  virtual void Queued(const Job& job) = 0;
  /// Those of `part` wait no longer: they are about to run, or were dropped.
  virtual void Left(const BatchPart& part) = 0;
  /// An executor has `batch`, since Batch::taken.
  virtual void Started(const Batch& batch) = 0;
  virtual void Ended(const Batch& batch, const BatchRun& run) = 0;
};

}  // namespace roberta::batching
