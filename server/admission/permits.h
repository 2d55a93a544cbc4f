#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace roberta::admission {

class Permits;

/// Returns a permit.
struct ReturnPermit {
  bool for_stream = false;
  size_t caller = 0;
  void operator()(Permits* permits) const;
};
/// The right to be in flight; its destructor returns it. An empty permit stands for a refusal.
using Permit = std::unique_ptr<Permits, ReturnPermit>;

/// Why a permit was refused.
enum class Refusal { kNone, kFull, kShare, kClosed };

/// Bounds the calls in flight: a call is refused at once, before any work is done for it, if `capacity` others are in
/// flight or the permits are closed. Streams, which may last long, wait instead of being refused, and never hold more
/// than half of the permits. Any thread may call; must outlive its permits.
class Permits {
 public:
  explicit Permits(size_t capacity) : capacity_(capacity), stream_capacity_(capacity > 1 ? capacity / 2 : 1) {}

  struct Decision {
    Permit permit;  ///< empty unless refusal is kNone
    Refusal refusal = Refusal::kNone;
  };
  /// `caller` (security::Caller::index) is refused, by kShare, if it holds `most` permits already, streams not counted.
  Decision TryAdmit(size_t caller = 0, size_t most = std::numeric_limits<size_t>::max());

  /// Calls `admitted` with a permit for a stream as soon as one is free, the longest waiting first, or with kClosed;
  /// exactly once unless CancelWait is called before. It is called without any lock, on this thread before this
  /// returns, or on a thread that returns a permit or closes. Returns the number of the wait for CancelWait; 0: no
  /// wait.
  using Admitted = std::function<void(Decision)>;
  uint64_t AdmitWhenFree(Admitted admitted);
  /// Cancels a wait that has not ended; its `admitted` is then not called.
  void CancelWait(uint64_t wait);

  /// From now on nothing is admitted; waits end with kClosed.
  void Close();

  /// Waits until nothing is in flight, at most `timeout`. Returns whether that happened.
  bool WaitUntilIdle(std::chrono::milliseconds timeout);

  /// After Close: waits until no call was refused for the time `quiet`, at most `timeout`. Returns whether that
  /// happened.
  bool WaitUntilQuiet(std::chrono::milliseconds quiet, std::chrono::milliseconds timeout);

  size_t in_flight() const;
  size_t capacity() const { return capacity_; }

 private:
  friend struct ReturnPermit;
  void Return(const ReturnPermit& returned);
  bool RoomForStream() const { return in_flight_ < capacity_ && streams_in_flight_ < stream_capacity_; }
  Permit TakeForStream();
  Decision RefuseClosed();

  const size_t capacity_;
  const size_t stream_capacity_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::condition_variable turned_away_;
  // All below are guarded by mutex_.
  size_t in_flight_ = 0;
  size_t streams_in_flight_ = 0;
  std::vector<size_t> held_;  ///< by caller, without those for streams; grows when a higher number comes
  bool closed_ = false;
  size_t turned_away_count_ = 0;
  std::map<uint64_t, Admitted> waits_;  ///< by number, the oldest first
  uint64_t last_wait_ = 0;
};

}  // namespace roberta::admission
