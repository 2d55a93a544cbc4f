#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "server/batching/batch.h"
#include "server/batching/batch_policy.h"

namespace roberta::batching {

/// Where a batch runs that short items may overtake.
class OvertakenPlace {
 public:
  /// Whether something may wait that is to run first. For the executor that runs the batch, at any time.
  bool wanted() const { return wanted_.load(std::memory_order_relaxed); }

 private:
  friend class OvertakenBatches;
  std::atomic<bool> wanted_{false};
  bool is_taken_ = false;
  OvertakenBatch batch_;
};

/// The batches that run and may be overtaken (see MayBeOvertaken), each by as many tokens as it has itself: so what it
/// takes is at most doubled. Not for several threads at once: only OvertakenPlace::wanted is for others.
class OvertakenBatches {
 public:
  /// `batch` runs from now on. Its place until Ended; nullptr if it may not be overtaken. Lives as long as this.
  OvertakenPlace* Started(const Batch& batch, const PolicyOptions& options);
  void Ended(OvertakenPlace* place);

  /// Something waits that no executor is free for.
  void Ask();
  /// Nothing that waits may overtake the batch.
  void Refuse(OvertakenPlace* place) { place->wanted_.store(false, std::memory_order_relaxed); }
  const OvertakenBatch& batch(const OvertakenPlace& place) const { return place.batch_; }
  /// So many tokens are about to overtake it.
  void Count(OvertakenPlace* place, size_t tokens);

 private:
  std::vector<std::unique_ptr<OvertakenPlace>> places_;
};

}  // namespace roberta::batching
