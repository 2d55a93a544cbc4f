#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace roberta::batching {

/// A fixed number of threads that run tasks, oldest first. What may be pushed is bounded by whoever pushes (see
/// admission::Permits); nothing pushed is ever lost: the destructor runs what is left before it returns.
class WorkerPool {
 public:
  using Task = absl::AnyInvocable<void()>;

  explicit WorkerPool(size_t threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Runs `task` after all that were pushed before it. Tasks must not throw.
  void Push(Task task);
  /// Runs `task` before all that wait: for the last step of work that is nearly done.
  void PushUrgent(Task task);
  /// Runs `task` when nothing of the above waits, but lets no more than a few tasks go before it: for work that comes
  /// in bulk, oldest first.
  void PushBulk(Task task);

  size_t threads() const { return threads_.size(); }

 private:
  void RunTasks();
  Task TakeTask();

  std::mutex mutex_;
  std::condition_variable available_;
  std::deque<Task> tasks_;  // guarded by mutex_, like all below
  std::deque<Task> bulk_;
  size_t since_bulk_ = 0;  // other tasks that went before waiting bulk since the last of it
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace roberta::batching
