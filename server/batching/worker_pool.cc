#include "server/batching/worker_pool.h"

#include <utility>

namespace roberta::batching {

namespace {

constexpr size_t kTasksBeforeBulk = 8;

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

void WorkerPool::Push(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  available_.notify_one();
}

void WorkerPool::PushUrgent(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_front(std::move(task));
  }
  available_.notify_one();
}

void WorkerPool::PushBulk(Task task) {
  {
    const std::lock_guard lock(mutex_);
    bulk_.push_back(std::move(task));
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

}  // namespace roberta::batching
