#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "server/admission/cost_model.h"
#include "server/admission/estimates.h"
#include "server/admission/finish_time.h"

namespace roberta::admission {

class WaitPredictor;

/// When a call is predicted to have run.
struct Prediction {
  bool known = false;                  ///< false while the cost of the profile is unknown: do not act on it
  std::chrono::nanoseconds finish{0};  ///< from the moment of the prediction until its last item has run
  std::chrono::nanoseconds margin{0};  ///< hardly any call ends later than finish + margin

  std::chrono::nanoseconds latest() const { return finish + margin; }
};

/// Work that was admitted and is not yet in the queue: it counts as waiting as long as this exists. Movable.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept
      : predictor_(std::exchange(other.predictor_, nullptr)), work_(other.work_) {}
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { Release(); }

  void Release();

 private:
  friend class WaitPredictor;
  Reservation(WaitPredictor* predictor, const PendingCall& work) : predictor_(predictor), work_(work) {}

  WaitPredictor* predictor_ = nullptr;
  PendingCall work_;
};

/// Tracks what waits and runs, learns what it costs, and predicts when a call will have run. It has no clock: callers
/// pass the time. Any thread may call anything, under any lock; each call takes one short lock of its own.
class WaitPredictor {
 public:
  using Clock = std::chrono::steady_clock;

  WaitPredictor(size_t profiles, const Discipline& discipline);

  // Events: what happens to the work.
  void Queued(const PendingCall& work);
  /// The work no longer waits: it is about to run, or was dropped.
  void Left(const PendingCall& work);
  /// `lets_short_run`: short work may overtake the batch.
  void BatchStarted(size_t profile, size_t tokens, Clock::time_point started, bool lets_short_run = false);
  /// `started` as in BatchStarted; `ended` without the time that its executor spent on other batches in between;
  /// `helped` is the total time that other executors spent on it.
  void BatchEnded(size_t profile, size_t tokens, Clock::time_point started, Clock::time_point ended,
                  Clock::duration helped = {});
  /// A call was admitted whose work is not yet in the queue.
  Reservation Reserve(const PendingCall& work, Clock::time_point now);

  // Measurements: what it learns from.
  /// A profile was loaded, and its rate on one executor was measured. The same rate again changes nothing.
  void Seed(size_t profile, double ns_per_token);
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
  /// Mean of actual minus predicted time over the profile's last calls.
  std::chrono::nanoseconds bias(size_t profile) const;

  /// A call arrived, admitted or not.
  void Offer(const PendingCall& call, Clock::time_point now);
  /// See LoadMeter.
  double load_ratio(Clock::time_point now) const;

 private:
  struct ProfileState {
    BatchCost cost;
    std::array<ErrorMargin, call::kCallPriorities> margins;
    double bias_ns = 0;
    double seeded_ns_per_token = 0;
    double arrived_tokens = 0;  // admitted tokens, weighted down with their age
    Clock::time_point last_arrival;
    std::array<size_t, call::kCallPriorities> queued_tokens = {};
    std::array<size_t, call::kCallPriorities> reserved_tokens = {};
  };
  struct RunningBatch {
    size_t profile;
    size_t tokens;
    Clock::time_point started;
    Clock::time_point expected_end;
    bool is_helped;
    bool lets_short_run;
  };
  friend class Reservation;

  void Release(const PendingCall& work);
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
