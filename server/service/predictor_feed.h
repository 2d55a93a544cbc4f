#pragma once

#include "server/admission/wait_predictor.h"
#include "server/batching/queue_observer.h"

namespace roberta::service {

/// Tells a predictor what goes through a queue. Any thread may call.
class PredictorFeed final : public batching::QueueObserver {
 public:
  /// `predictor`, of as many profiles as the queue has, must outlive this.
  explicit PredictorFeed(admission::WaitPredictor* predictor) : predictor_(predictor) {}

  void Queued(const batching::Job& job) override;
  void Left(const batching::BatchPart& part) override;
  void Started(const batching::Batch& batch) override;
  void Ended(const batching::Batch& batch, const batching::BatchRun& run) override;

 private:
  admission::WaitPredictor* const predictor_;
};

}  // namespace roberta::service
