#include "server/batching/executors.h"

#include <utility>

namespace roberta::batching {
namespace {

constexpr size_t kTasksBeforeBulk = 8;

/// Runs short items on the thread that runs `batch`, between two steps of the batch.
class OvertakenTeam final : public team::Team {
 public:
  OvertakenTeam(BatchQueue* queue, const Batch& batch) : queue_(queue), batch_(batch) {}

  void Share(size_t pieces, Work work) override {
    if (batch_.overtaken->wanted()) RunOvertaking();
    if (batch_.work != nullptr) {
      batch_.work->Share(pieces, work);
    } else if (pieces > 0) {
      work(0, pieces);
    }
  }

  /// Time that was spent on other batches.
  Clock::duration time() const { return time_; }

 private:
  void RunOvertaking() {
    const Clock::time_point begin = queue_->now()();
    while (const std::optional<Batch> other = queue_->TakeOvertaking(batch_.overtaken)) {
      queue_->Complete(*other, RunBatch(*other, queue_->now()));
    }
    time_ += queue_->now()() - begin;
  }

  BatchQueue* const queue_;
  const Batch& batch_;
  Clock::duration time_{0};
};

BatchRun Run(BatchQueue* queue, const Batch& batch) {
  if (batch.overtaken == nullptr) return RunBatch(batch, queue->now(), batch.work);
  OvertakenTeam team(queue, batch);
  BatchRun run = RunBatch(batch, queue->now(), &team);
  run.overtaken = team.time();
  return run;
}

}  // namespace

WorkerPool::WorkerPool(size_t threads) {
  threads_.reserve(threads);
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { RunTasks(); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  available_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::Push(Task task, Turn turn) {
  {
    const std::lock_guard lock(mutex_);
    std::deque<Task>& line = turn == Turn::kBulk ? bulk_ : tasks_;
    line.insert(turn == Turn::kNext ? line.begin() : line.end(), std::move(task));
  }
  available_.notify_one();
}

WorkerPool::Task WorkerPool::TakeTask() {
  const bool bulk = tasks_.empty() || (!bulk_.empty() && since_bulk_ >= kTasksBeforeBulk);
  since_bulk_ = bulk || bulk_.empty() ? 0 : since_bulk_ + 1;
  std::deque<Task>& line = bulk ? bulk_ : tasks_;
  Task task = std::move(line.front());
  line.pop_front();
  return task;
}

void WorkerPool::RunTasks() {
  std::unique_lock lock(mutex_);
  while (true) {
    available_.wait(lock, [this] { return stopping_ || !tasks_.empty() || !bulk_.empty(); });
    if (tasks_.empty() && bulk_.empty()) return;
    Task task = TakeTask();
    lock.unlock();
    std::move(task)();
    task = nullptr;  // what it holds is released before the next wait, and not under the lock
    lock.lock();
  }
}

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
    queue_->Complete(*batch, Run(queue_, *batch));
    last_profile = batch->profile;
  }
}

}  // namespace roberta::batching
