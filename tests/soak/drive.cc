#include "tests/soak/drive.h"

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <queue>
#include <thread>
#include <utility>
#include <vector>

namespace roberta::soak {

namespace {

using Clock = std::chrono::steady_clock;

/// Cancels calls when their time has come, on a thread of its own.
class Canceller {
 public:
  ~Canceller() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void At(Clock::time_point time, client::CallHandle call) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      due_.push({time, std::move(call)});
    }
    changed_.notify_all();
  }

 private:
  struct Due {
    Clock::time_point time;
    client::CallHandle call;
    bool operator<(const Due& other) const { return time > other.time; }  // the earliest on top
  };

  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!ending_ || !due_.empty()) {
      if (due_.empty()) {
        changed_.wait(lock);
      } else if (const auto time = due_.top().time; time > Clock::now()) {
        changed_.wait_until(lock, time);
      } else {
        const client::CallHandle call = due_.top().call;
        due_.pop();
        lock.unlock();
        call.Cancel();
        lock.lock();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::priority_queue<Due> due_;
  bool ending_ = false;
  std::thread thread_{[this] { Run(); }};
};

}  // namespace

void Drive(client::DirectClient* client, size_t in_flight, const std::function<bool()>& next_wanted,
           const std::function<RandomCall()>& next, Books* books) {
  std::mutex mutex;
  std::condition_variable ended;
  size_t under_way = 0;
  {
    Canceller canceller;
    while (next_wanted()) {
      {
        std::unique_lock<std::mutex> lock(mutex);
        ended.wait(lock, [&] { return under_way < in_flight; });
        ++under_way;
      }
      auto call = std::make_shared<RandomCall>(next());
      books->Sent();
      const auto sent = Clock::now();
      client::CallHandle handle = client->Start(call->wire, call->timeout, [&, call](const client::Answer& answer) {
        books->Ended(*call, answer);
        const std::lock_guard<std::mutex> lock(mutex);
        --under_way;
        ended.notify_all();  // under the lock: after it, these may be gone
      });
      if (call->cancel_after) canceller.At(sent + *call->cancel_after, std::move(handle));
    }
  }
  std::unique_lock<std::mutex> lock(mutex);
  ended.wait(lock, [&] { return under_way == 0; });
}

client::Answer CallAndWait(client::DirectClient* client, const RandomCall& call) {
  std::promise<client::Answer> promise;
  client->Start(call.wire, call.timeout, [&](client::Answer answer) { promise.set_value(std::move(answer)); });
  return promise.get_future().get();
}

}  // namespace roberta::soak
