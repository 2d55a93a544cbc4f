#include "server/transport/large_bodies.h"

#include <chrono>
#include <utility>

#include "server/call/failure_reason.h"

namespace roberta::transport {
namespace {

constexpr std::chrono::milliseconds kRetryDelay(500);  // some of what waits is read then

}  // namespace

absl::Status LargeBodies::Run(const std::string& peer, size_t bytes, batching::WorkerPool::Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (bytes_ >= most_bytes_ || !of_peer_.Add(peer, bytes)) {
      return call::WithRetryDelay(call::MakeStatus(call::FailureReason::kTooManyCalls,
                                                   "too many large bodies wait to be read; try again later"),
                                  kRetryDelay);
    }
    bytes_ += bytes;
  }
  thread_.Push([this, peer, bytes, task = std::move(task)]() mutable {
    task();
    const std::lock_guard lock(mutex_);
    bytes_ -= bytes;
    of_peer_.Remove(peer, bytes);
  });
  return absl::OkStatus();
}

}  // namespace roberta::transport
