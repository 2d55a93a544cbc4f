#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/batching/batch_policy.h"
#include "server/batching/cost_model.h"
#include "server/call/call.h"

namespace roberta::admission {

/// Estimates the number of tokens of a text by its bytes, before it is tokenized. Learns from texts that were. Not
/// thread-safe.
class TokenRate {
 public:
  /// The tokens of one item of `bytes` UTF-8 bytes, special tokens included; at most `max_tokens`.
  size_t Estimate(size_t bytes, size_t max_tokens) const {
    const double tokens = kSpecialTokens + static_cast<double>(bytes) * tokens_per_byte();
    return tokens < static_cast<double>(max_tokens) ? static_cast<size_t>(tokens) : max_tokens;
  }

  /// `items` items of together `bytes` bytes had `tokens` tokens, none of them cut off.
  void Learn(size_t items, size_t bytes, size_t tokens) {
    bytes_ = kMemory * bytes_ + static_cast<double>(bytes);
    tokens_ = kMemory * tokens_ + std::max(0.0, static_cast<double>(tokens) - kSpecialTokens * items);
  }

  double tokens_per_byte() const { return std::clamp(tokens_ / bytes_, 0.01, 2.0); }

 private:
  static constexpr double kSpecialTokens = 2;
  static constexpr double kMemory = 1 - 1.0 / 64;  // what remains of a call's weight after the next call

  // English prose, until calls come.
  double bytes_ = 1000;
  double tokens_ = 240;
};

/// How much predictions of one kind must be stretched so that hardly any call ends later: a high quantile of recent
/// errors, relative to the prediction. Not thread-safe.
class ErrorMargin {
 public:
  using Clock = std::chrono::steady_clock;

  /// The share of calls that end later than the stretched prediction, if errors stay as they are.
  static constexpr double kShortfall = 0.005;
  /// After each such time, what was learned before counts half.
  static constexpr std::chrono::seconds kHalfLife{10};

  ErrorMargin();

  /// At `now` a call ended that took `actual_ns`, or was given up after that time; it was predicted to take
  /// `predicted_ns`.
  void Learn(Clock::time_point now, double predicted_ns, double actual_ns);

  /// The margin to add to a prediction. It is never negative, even if predictions are too long: when that changes, as
  /// after a start, all calls that were admitted meanwhile would be late.
  double MarginNs(double predicted_ns) const;

 private:
  static constexpr size_t kBins = 100;
  void Fit();

  std::array<double, kBins> weights_ = {};  // of the calls, by relative error
  double weight_ = 0;                       // of all of them
  Clock::time_point halved_;
  double stretch_ = 0;
};

/// Compares the work that arrives with what the executors can do in the same time. Not thread-safe.
class LoadMeter {
 public:
  using Clock = std::chrono::steady_clock;

  /// The time that Ratio covers.
  static constexpr std::chrono::seconds kWindow{10};

  explicit LoadMeter(size_t executors) : executors_(executors) {}

  /// Work of `executor_ns` nanoseconds on one executor arrived.
  void Offer(Clock::time_point now, double executor_ns);
  /// Work that arrived within the window, divided by what the executors can do in that time; above 1 they cannot keep
  /// up.
  double Ratio(Clock::time_point now) const;

 private:
  static constexpr size_t kSlots = 10;
  static constexpr std::chrono::nanoseconds kSlot = std::chrono::nanoseconds(kWindow) / kSlots;
  struct Slot {
    int64_t number = -1;  // since the clock's epoch
    double executor_ns = 0;
  };
  static int64_t NumberOf(Clock::time_point time) { return time.time_since_epoch() / kSlot; }

  const size_t executors_;
  std::array<Slot, kSlots + 1> slots_;  // one more: the oldest is partly within the window
};

/// How the executors take work from the queue, as far as prediction needs it.
struct Discipline {
  size_t executors = 1;
  /// Idle executors help those that run a batch.
  bool split_lone_batches = false;
  batching::PolicyOptions policy = {};              ///< the queue's own
  std::vector<batching::DataLoading> loading = {};  ///< so too

  const batching::DataLoading& LoadingOf(size_t profile) const {
    static const batching::DataLoading kDefault;
    return profile < loading.size() ? loading[profile] : kDefault;
  }
  /// Of the batches that run while much waits.
  double EfficientTokens(size_t profile, const batching::BatchCost& cost) const {
    return static_cast<double>(batching::EfficientTokens(cost.efficient_tokens(), LoadingOf(profile), policy));
  }
  /// Whether the items of a call are long: batches of long items let short ones overtake.
  bool IsLong(size_t items, size_t tokens) const {
    return policy.long_item_tokens > 0 && tokens >= items * policy.long_item_tokens;
  }
};

/// The work of one profile.
struct ProfileWork {
  batching::BatchCost cost;
  std::array<double, call::kCallPriorities> tokens = {};  ///< that wait, by priority
  double arriving_per_ns = 0;                             ///< tokens that arrived recently, per time
  size_t running_tokens = 0;                              ///< of its batches that run
};

/// A call whose finish time is to be predicted. Its tokens are not among those that wait.
struct PendingCall {
  size_t profile = 0;
  call::Priority priority = call::Priority::kNormal;  ///< not kShadow
  size_t items = 1;
  size_t tokens = 0;
  size_t caller = 0;  ///< as in batching::Job
};

/// Predicts when the last item of `call` will have run if it joins the queue now, in nanoseconds from now. It runs
/// behind work of its own profile that is at least as urgent, behind more urgent work of other profiles, and, since
/// profiles get equal shares of time, behind as much equally urgent work of each other profile as it and its own
/// profile's make. Work that arrives while it waits joins its last batch, as far as that has room: an executor takes
/// no more than batching::BudgetOf says. A call that leaves an executor idle is helped. `running_ns` is the time that
/// each running batch still needs; if these are more than the executors, the shortest are overtaking the longest. A
/// pure function.
double FinishNs(const PendingCall& call, const std::vector<ProfileWork>& profiles, std::vector<double> running_ns,
                const Discipline& discipline);

/// Predicts when all that waits and runs will be done.
double DrainNs(const std::vector<ProfileWork>& profiles, const std::vector<double>& running_ns,
               const Discipline& discipline);

}  // namespace roberta::admission
