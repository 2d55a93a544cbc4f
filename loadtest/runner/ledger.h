#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loadtest/runner/run.h"

namespace roberta::loadtest::runner {

/// A stretch of a warm-up.
struct WarmUpWindow {
  double seconds = 0;  ///< positive
  int64_t answered = 0;
};

/// Whether the rates of the last three windows lie within 10 % of their mean. Where these hold so few answers that
/// chance alone moves them further, within two standard deviations of a count by chance (Poisson's). Never without
/// answers.
bool IsSteady(const std::vector<WarmUpWindow>& windows);

/// Cuts a warm-up into windows and says when it is over. No clock of its own. One thread.
class WarmUpWatch {
 public:
  explicit WarmUpWatch(const WarmUp& warm_up) : warm_up_(warm_up) {}

  /// At `now_ns` since the run began, `answered` requests have been answered in all. Neither may go back. How the
  /// warm-up ended, if it is over.
  std::optional<WarmUpEnd> Observe(int64_t now_ns, int64_t answered);

 private:
  const WarmUp warm_up_;
  std::vector<WarmUpWindow> windows_;
  int64_t window_start_ns_ = 0, answered_before_ = 0;
};

/// The counts of a run: outcomes of its requests, by class and by second, and when its warm-up is over. Times in ns
/// since the run began. One thread at a time, but for what is said to be readable without.
class Ledger {
 public:
  /// `plan` must outlive this.
  Ledger(const Plan& plan, const std::vector<std::string>& class_names);

  static constexpr int64_t kStillWarmingUp = INT64_MAX;
  /// When the measured time began, or begins where that is fixed; and when it ends, at the latest while the warm-up
  /// lasts. Only WatchWarmUp changes them, so the thread that calls it may read them at any time.
  int64_t warmed_up_at_ns() const { return warmed_up_at_ns_; }
  int64_t end_ns() const { return end_ns_; }

  /// Has a look at a warm-up without a fixed time. If it is over, all that is intended from `now_ns` on is measured;
  /// nothing may have been yet.
  void WatchWarmUp(int64_t now_ns);

  void Send(int64_t intended_ns, int64_t sent_ns, size_t request_class);
  void HoldBack() { ++result_.held_back; }
  void Finish(const stats::Sample& sample, const workload::Request& request);

  /// Whether the server has had no other outcome than UNAVAILABLE for as long as the plan says.
  bool ServerIsLost(int64_t now_ns) const;

  /// When nothing is under way any more: the run ended at `ended_ns`, with `unsent` requests of the measured time due.
  RunResult Close(End end, int64_t ended_ns, int64_t unsent) &&;

 private:
  void FinishByTime(const stats::Sample& sample);
  stats::Tally& TallyOf(int64_t intended_ns, size_t request_class);
  Window& WindowAt(int64_t ns);
  bool NobodyButUnavailable() const;

  const Plan& plan_;
  WarmUpWatch warm_up_watch_;
  int64_t warmed_up_at_ns_ = kStillWarmingUp;
  int64_t end_ns_;
  int64_t answered_ = 0;  ///< the warm-up's included
  std::optional<int64_t> unavailable_since_;
  RunResult result_;
};

}  // namespace roberta::loadtest::runner
