#pragma once

#include <cstddef>
#include <thread>
#include <vector>

#include "server/batching/batch_queue.h"

namespace roberta::batching {

/// A fixed number of threads that each run one batch after another, and one that forms batches early if the queue
/// prefetches. The destructor closes the queue and returns when everything in it has run.
class Executors {
 public:
  /// `queue` must outlive the executors.
  Executors(BatchQueue* queue, size_t threads);
  ~Executors();
  Executors(const Executors&) = delete;
  Executors& operator=(const Executors&) = delete;

 private:
  void RunBatches();

  BatchQueue* const queue_;
  std::vector<std::thread> threads_;
};

}  // namespace roberta::batching
