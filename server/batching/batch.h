#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "profiles/team/shared_work.h"
#include "server/batching/job.h"

namespace roberta::batching {

/// Consecutive items of one job.
struct BatchPart {
  std::shared_ptr<Job> job;
  size_t first_item = 0;
  size_t items = 0;
  size_t first_token = 0;
  size_t tokens = 0;
};

/// The sequences of several parts in one piece.
struct GatheredTokens {
  std::vector<int32_t> token_ids;
  std::vector<size_t> lengths;
};

class OvertakenPlace;

/// What an executor runs at once: parts of jobs that agree in profile and weights. Whoever takes one must hand it to
/// BatchQueue::Complete, exactly once.
struct Batch {
  size_t profile = 0;
  std::vector<BatchPart> parts;
  size_t items = 0;
  size_t tokens = 0;
  size_t padded_length = 0;  ///< 0: without padding
  Clock::time_point taken;
  int64_t charged_ns = 0;
  std::shared_ptr<const GatheredTokens> gathered;  ///< if that was done ahead
  team::SharedWork* work = nullptr;                ///< the queue's, by which others help; nullptr: nobody does
  OvertakenPlace* overtaken = nullptr;             ///< the queue's, if short items may run first; nullptr: they may not
};

/// What came of a batch; the outputs are in the jobs.
struct BatchRun {
  std::vector<absl::Status> statuses;  ///< [Batch::items]
  Clock::time_point started;           ///< the backend had it from then
  Clock::time_point ended;
  Clock::duration helped{0};     ///< time that other executors had for it, added up; filled in by the queue
  Clock::duration overtaken{0};  ///< time between `started` and `ended` that its executor had for other batches

  /// What its own executor spent on it.
  Clock::duration own_time() const { return ended - started - overtaken; }
};

/// Takes parts of jobs that are cancelled or at their deadline by the time `batch` was taken out of it, which may leave
/// it empty.
void TakeUnwanted(Batch* batch, std::vector<BatchPart>* expired, std::vector<BatchPart>* cancelled);

GatheredTokens Gather(const Batch& batch);

/// Hands the sequences of `batch` to its backend as one, and `team`, and puts the outputs where they belong in the
/// jobs. `now` tells the time. What a backend computes of a sequence must not depend on the others.
BatchRun RunBatch(const Batch& batch, const std::function<Clock::time_point()>& now, team::Team* team = nullptr);

}  // namespace roberta::batching
