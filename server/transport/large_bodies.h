#pragma once

#include <cstddef>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "server/batching/executors.h"
#include "server/sockets/peer.h"

namespace roberta::transport {

/// Reads large bodies of requests over HTTP on a thread of its own, one at a time, so that they hold up neither
/// connections nor small bodies, which are read on the thread of the HTTP server. Any thread may call.
class LargeBodies {
 public:
  /// A body of up to so many bytes is small: with as many objects as fit, it takes some 1 ms.
  static constexpr size_t kMostSmallBytes = 16u << 10;

  /// `most_bytes` may wait in all, and a quarter of that of one peer (see sockets::PeerOf), and one body more. The
  /// thread has the priority of the one that calls. The destructor runs all tasks that wait.
  explicit LargeBodies(size_t most_bytes) : most_bytes_(most_bytes), of_peer_(most_bytes / kPartOfPeer) {}

  /// Runs `task`, which reads a body of `bytes`, when its turn comes. Failure reason: kTooManyCalls with a retry delay
  /// if too many bytes wait already; the task is dropped then.
  absl::Status Run(const std::string& peer, size_t bytes, batching::WorkerPool::Task task);

 private:
  static constexpr size_t kPartOfPeer = 4;

  const size_t most_bytes_;
  std::mutex mutex_;
  size_t bytes_ = 0;                ///< guarded by mutex_
  sockets::PeerCounts of_peer_;     ///< guarded by mutex_: bytes
  batching::WorkerPool thread_{1};  ///< last: its tasks use the others
};

}  // namespace roberta::transport
