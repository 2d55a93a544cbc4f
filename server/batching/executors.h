#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "server/batching/batch_queue.h"

namespace roberta::batching {

/// A fixed number of threads that run tasks, oldest first. The callers bound the number of tasks (see
/// admission::Permits). No task is lost: the destructor runs the remaining tasks before it returns.
class WorkerPool {
 public:
  using Task = absl::AnyInvocable<void()>;

  explicit WorkerPool(size_t threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  enum class Turn {
    kInOrder,  ///< after all tasks that were pushed before
    kNext,     ///< before all tasks that wait: for the last step of a call
    kBulk,     ///< when none of the others wait, but at most a few of them go first; oldest first
  };
  /// Runs `task` when its turn comes. Tasks must not throw.
  void Push(Task task, Turn turn = Turn::kInOrder);

  size_t threads() const { return threads_.size(); }

 private:
  void RunTasks();
  Task TakeTask();

  std::mutex mutex_;
  std::condition_variable available_;
  std::deque<Task> tasks_;  // guarded by mutex_, like all below
  std::deque<Task> bulk_;
  size_t since_bulk_ = 0;  // other tasks that ran while bulk tasks waited, since the last bulk task
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

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
