#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "server/admission/cost_model.h"
#include "server/admission/error_margin.h"
#include "server/admission/finish_time.h"
#include "server/admission/load_meter.h"
#include "server/admission/token_rate.h"

namespace roberta::admission {

class WaitPredictor;

/// When a call will have run.
struct Prediction {
  bool known = false;                  ///< false while nothing is known of the profile's cost: nothing to act upon
  std::chrono::nanoseconds finish{0};  ///< from the moment of the prediction until its last item has run
  std::chrono::nanoseconds margin{0};  ///< hardly any call ends later than finish + margin

  std::chrono::nanoseconds latest() const { return finish + margin; }
};

/// Work that was admitted and is not in the queue yet: as long as this exists, it counts as waiting. Movable.
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
  Reservation(WaitPredictor* predictor, const Newcomer& work) : predictor_(predictor), work_(work) {}

  WaitPredictor* predictor_ = nullptr;
  Newcomer work_;
};

/// Knows what waits and runs, learns what it costs, and foretells when a call will have run. It has no clock: callers
/// give the time. Any thread may call anything, under whatever lock; each call takes one short lock of its own.
class WaitPredictor {
 public:
  using Clock = std::chrono::steady_clock;

  WaitPredictor(size_t profiles, const Discipline& discipline);

  // What happens to the work.
  void Queued(size_t profile, size_t level, size_t items, size_t tokens);
  /// It waits no longer: it is about to run, or was dropped.
  void Left(size_t profile, size_t level, size_t items, size_t tokens);
  /// `lets_short_run`: it does not keep its executor from short work.
  void BatchStarted(size_t profile, size_t tokens, Clock::time_point started, bool lets_short_run = false);
  /// `started` as it was told; `ended` without the time in between that its executor had for others; `helped` is the
  /// time that other executors had for it, added up.
  void BatchEnded(size_t profile, size_t tokens, Clock::time_point started, Clock::time_point ended,
                  Clock::duration helped = {});
  /// A call was admitted whose work has still to reach the queue.
  Reservation Reserve(const Newcomer& work, Clock::time_point now);

  // What it learns beside.
  /// A profile was loaded whose rate on one executor was measured. The same rate again changes nothing.
  void Seed(size_t profile, double ns_per_token);
  void LearnTokens(size_t items, size_t bytes, size_t tokens);
  /// At `now`, `call`, of which `prediction` was made, had run after `actual`.
  void LearnError(const Newcomer& call, const Prediction& prediction, std::chrono::nanoseconds actual,
                  Clock::time_point now);
  /// At `now` it had not run after `actual`, when its deadline passed.
  void LearnExpiry(const Newcomer& call, const Prediction& prediction, std::chrono::nanoseconds actual,
                   Clock::time_point now);

  // What it says.
  /// How many tokens texts have, as learned until now.
  TokenRate token_rate() const;
  enum class Behind { kAllAdmitted, kQueuedOnly };
  /// `behind` kQueuedOnly leaves out what was admitted and is not in the queue yet: for a call that comes to the queue
  /// before that does.
  Prediction Predict(const Newcomer& call, Behind behind, Clock::time_point now) const;
  /// What waits, admitted work included, and when it and what runs will be done.
  struct Backlog {
    size_t items = 0;
    size_t tokens = 0;
    std::chrono::nanoseconds drain{0};
  };
  Backlog backlog(Clock::time_point now) const;
  /// Mean of actual minus predicted over the profile's last calls.
  std::chrono::nanoseconds bias(size_t profile) const;

  /// A call arrived, admitted or not.
  void Offer(const Newcomer& call, Clock::time_point now);
  /// See LoadMeter.
  double load_ratio(Clock::time_point now) const;

 private:
  struct ProfileState {
    BatchCost cost;
    std::array<ErrorMargin, kLevels> margins;
    double bias_ns = 0;
    double seeded_ns_per_token = 0;
    double arrived_tokens = 0;  // admitted, each counting the less the longer ago
    Clock::time_point last_arrival;
    std::array<size_t, kLevels> queued_tokens = {};
    std::array<size_t, kLevels> reserved_tokens = {};
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

  void Release(const Newcomer& work);
  void TakeHelpLocked(Clock::time_point now);
  static double ArrivedTokens(const ProfileState& state, Clock::time_point now);
  std::vector<ProfileWork> WorkLocked(Behind behind, Clock::time_point now) const;
  /// As who comes now sees them: short work need not wait for all.
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
