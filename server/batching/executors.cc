#include "server/batching/executors.h"

namespace roberta::batching {

Executors::Executors(BatchQueue* queue, size_t threads) : queue_(queue) {
  threads_.reserve(threads + 1);
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { RunBatches(); });
  if (!queue->prefetches()) return;
  threads_.emplace_back([this] {
    while (queue_->Prefetch()) {
    }
  });
}

Executors::~Executors() {
  queue_->Close();
  for (std::thread& thread : threads_) thread.join();
}

void Executors::RunBatches() {
  std::optional<size_t> last_profile;
  while (const std::optional<Batch> batch = queue_->Take(last_profile)) {
    queue_->Complete(*batch, RunBatch(*batch, queue_->now()));
    last_profile = batch->profile;
  }
}

}  // namespace roberta::batching
