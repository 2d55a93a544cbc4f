#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "server/admission/refusal_pace.h"

namespace roberta::service {

class ParkedRefusals;

/// A call that may wait with its refusal.
class Parkable : public std::enable_shared_from_this<Parkable> {
 public:
  /// Ends the call at once if it waits. For when its client has given it up; any thread may call.
  void Unpark();

 protected:
  virtual ~Parkable() = default;

 private:
  friend class ParkedRefusals;
  /// Hands over the outcome.
  virtual void Leave() = 0;
  /// Gives up what the refusal does not need.
  virtual void KeepOnlyTheRefusal() = 0;
  virtual absl::Status& refusal() = 0;

  std::atomic<ParkedRefusals*> parked_in_{nullptr};
  // Guarded by the mutex of parked_in_.
  std::list<std::shared_ptr<Parkable>>::iterator place_;
  int64_t tick_ = 0;
  size_t connection_ = 0;
  std::chrono::steady_clock::time_point since_;
};

struct ParkingOptions {
  size_t capacity = 0;                   ///< refusals that may wait; others leave at once
  size_t capacity_per_connection = 0;    ///< and of one connection, on which other calls must have room beside them
  std::chrono::nanoseconds interval{0};  ///< between two refusals; see admission::RefusalPace
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
  bool own_thread = true;  ///< false: LetGo is called by hand
};

/// Lets refusals wait when there are many, since a caller that calls again as soon as it is refused costs more the
/// sooner it hears of it: the work of refusing would take the cores from the calls that were accepted. A refusal waits
/// for its turn in the pace, which is the least that its retry delay then names, or until shortly before the deadline
/// of its call. It holds no permit and no message meanwhile. Any thread may call; nothing blocks.
class ParkedRefusals {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ParkedRefusals(ParkingOptions options);
  /// Closes. All calls must have ended that could still be parked or unparked.
  ~ParkedRefusals();

  /// Lets `call`, whose refusal() has a retry delay, leave now or when its turn comes, but before `deadline`. Leave is
  /// called exactly once, without any lock.
  /// `connection` as in call::Head.
  void Park(Parkable& call, Clock::time_point deadline, size_t connection, const std::atomic<bool>& cancelled);

  /// Ends all that wait; from now on nothing waits.
  void Close();

  /// Ends those whose time has come. Called by the own thread.
  void LetGo();

  size_t waiting() const;

 private:
  friend class Parkable;
  using Line = std::list<std::shared_ptr<Parkable>>;

  static constexpr std::chrono::milliseconds kTick{4};
  static constexpr size_t kTicks = 512;
  static int64_t TickOf(Clock::time_point time) { return time.time_since_epoch() / kTick; }

  Line& LineOf(int64_t tick) { return lines_[static_cast<size_t>(tick) % kTicks]; }
  void Unpark(Parkable& call);
  /// Moves a part of a line out, under the lock.
  void TakeOut(Line& line, Line::iterator first, Line::iterator last, Line* out);
  void End(const Line& ended) const;
  void Run();

  const ParkingOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All below are guarded by mutex_.
  admission::RefusalPace pace_;
  std::array<Line, kTicks> lines_;  ///< a wheel: those that leave in a tick; longer than any wait
  int64_t tick_ = 0;                ///< those of this tick and of earlier ones have left
  size_t waiting_ = 0;
  /// Those of the connections whose hashes have that remainder; [0] is not counted.
  std::array<size_t, 1021> waiting_on_ = {};
  bool closed_ = false;
  std::thread thread_;  ///< last
};

}  // namespace roberta::service
