#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "server/admission/estimates.h"
#include "server/batching/batch.h"

namespace roberta::admission {

class WaitPredictor;

/// When a call is predicted to have run.
struct Prediction {
  bool known = false;                  ///< false while the cost of the profile is unknown: do not act on it
  std::chrono::nanoseconds finish{0};  ///< from the moment of the prediction until its last item has run
  std::chrono::nanoseconds margin{0};  ///< hardly any call ends later than finish + margin

  std::chrono::nanoseconds latest() const { return finish + margin; }
};

/// Ends a Reservation.
struct ReleaseWork {
  PendingCall work;
  void operator()(WaitPredictor* predictor) const;
};
/// Work that was admitted and is not yet in the queue: it counts as waiting as long as this exists.
using Reservation = std::unique_ptr<WaitPredictor, ReleaseWork>;

/// Tracks what waits and runs in a queue, and predicts when a call will have run, by what the queue has learned of the
/// cost of batches. Shadow traffic that waits does not count, because calls do not wait for it. It has no clock:
/// callers pass the time. Any thread may call anything, under any lock; each call takes one short lock of its own.
class WaitPredictor final : public batching::QueueObserver {
 public:
  using Clock = std::chrono::steady_clock;

  WaitPredictor(size_t profiles, const Discipline& discipline);

  // Events: what happens to the work.
  void Queued(const batching::Job& job) override;
  void Left(const batching::BatchPart& part) override;
  void Started(const batching::Batch& batch) override;
  void Ended(const batching::Batch& batch, const batching::BatchRun& run) override;
  void CostChanged(size_t profile, const batching::BatchCost& cost) override;
  /// A call was admitted whose work is not yet in the queue.
  Reservation Reserve(const PendingCall& work, Clock::time_point now);

  // Measurements: what it learns from.
  void LearnTokens(size_t items, size_t bytes, size_t tokens);
  /// At `now`, a call with that `prediction` had run after `actual`.
  void LearnError(const PendingCall& call, const Prediction& prediction, std::chrono::nanoseconds actual,
                  Clock::time_point now);
  /// At `now`, the deadline of a call passed that had not run after `actual`.
  void LearnExpiry(const PendingCall& call, const Prediction& prediction, std::chrono::nanoseconds actual,
                   Clock::time_point now);

  // Predictions.
  /// Estimates the tokens of texts.
  TokenRate token_rate() const;
  enum class Behind { kAllAdmitted, kQueuedOnly };
  /// `behind` kQueuedOnly ignores work that was admitted and is not yet in the queue: for a call that enters the queue
  /// before that work.
  Prediction Predict(const PendingCall& call, Behind behind, Clock::time_point now) const;
  /// What waits, including admitted work, and when all of it and all running batches will be done.
  struct Backlog {
    size_t items = 0;
    size_t tokens = 0;
    std::chrono::nanoseconds drain{0};
  };
  Backlog backlog(Clock::time_point now) const;
  /// What waits, including admitted work: of all, and of one caller.
  struct Held {
    size_t items = 0;
    size_t tokens = 0;
  };
  Held held() const;
  Held held_by(size_t caller) const;
  /// Mean of actual minus predicted time over the profile's last calls.
  std::chrono::nanoseconds bias(size_t profile) const;

  /// A call arrived, admitted or not.
  void Offer(const PendingCall& call, Clock::time_point now);
  /// See LoadMeter.
  double load_ratio(Clock::time_point now) const;

 private:
  /// What a caller has waiting.
  struct CallerState {
    size_t caller = 0;
    size_t items = 0;
    std::array<size_t, call::kCallPriorities> queued_tokens = {};
    std::array<size_t, call::kCallPriorities> reserved_tokens = {};
  };
  struct ProfileState {
    batching::BatchCost cost;  // as the queue has it
    std::array<ErrorMargin, call::kCallPriorities> margins;
    double bias_ns = 0;
    double arrived_tokens = 0;  // admitted tokens, weighted down with their age
    Clock::time_point last_arrival;
    std::array<size_t, call::kCallPriorities> queued_tokens = {};
    std::array<size_t, call::kCallPriorities> reserved_tokens = {};
    std::vector<CallerState> callers;  // that have something waiting
  };
  struct RunningBatch {
    size_t profile;
    size_t tokens;
    Clock::time_point started;
    Clock::time_point expected_end;
    bool is_helped;
    bool lets_short_run;
  };
  friend struct ReleaseWork;

  void Release(const PendingCall& work);
  /// More items wait, or fewer.
  enum class Step { kMore, kFewer };
  Held HeldLocked() const;
  void CountLocked(Step step, const PendingCall& work, bool is_queued);
  /// The tokens of its priority before which the last one of `call` does not run, since callers have their turns.
  static double EquallyUrgentTokens(const ProfileState& state, const PendingCall& call, Behind behind);
  void TakeHelpLocked(Clock::time_point now);
  static double ArrivedTokens(const ProfileState& state, Clock::time_point now);
  std::vector<ProfileWork> WorkLocked(Behind behind, Clock::time_point now) const;
  /// As a new call sees the running batches: short work need not wait for all of them.
  std::vector<double> RunningNsLocked(bool for_short_work, Clock::time_point now) const;

  const Discipline discipline_;
  mutable std::mutex mutex_;
  // All below are guarded by mutex_.
  std::vector<ProfileState> profiles_;
  std::vector<RunningBatch> running_;
  size_t waiting_items_ = 0;  // queued and reserved
  TokenRate token_rate_;
  LoadMeter load_;
};

}  // namespace roberta::admission
