#include "server/service/predictor_feed.h"

#include "server/batching/batch_queue.h"

namespace roberta::service {

static_assert(admission::kLevels == static_cast<size_t>(batching::Priority::kShadow),
              "a level is the number of a priority");

// Nobody who comes waits for shadow traffic that waits, only for what of it runs.

void PredictorFeed::Queued(const batching::Job& job) {
  if (job.priority == batching::Priority::kShadow) return;
  predictor_->Queued(job.profile, static_cast<size_t>(job.priority), job.lengths.size(), job.token_ids.size());
}

void PredictorFeed::Left(const batching::BatchPart& part) {
  if (part.job->priority == batching::Priority::kShadow) return;
  predictor_->Left(part.job->profile, static_cast<size_t>(part.job->priority), part.items, part.tokens);
}

void PredictorFeed::Started(const batching::Batch& batch) {
  predictor_->BatchStarted(batch.profile, batch.tokens, batch.taken, batch.overtaken != nullptr);
}

void PredictorFeed::Ended(const batching::Batch& batch, const batching::BatchRun& run) {
  predictor_->BatchEnded(batch.profile, batch.tokens, batch.taken, run.ended - run.overtaken, run.helped);
}

}  // namespace roberta::service
