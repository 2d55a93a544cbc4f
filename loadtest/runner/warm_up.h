#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace roberta::loadtest::runner {

/// How a warm-up ended.
enum class WarmUpEnd {
  kAsAsked,    ///< after the time that was asked for
  kSteady,     ///< when the rate of answers had become steady
  kNotSteady,  ///< after the longest time, or with the run, without that
};
std::string_view WarmUpEndName(WarmUpEnd end);  ///< "as asked", "steady", "not steady"

/// How long a run warms up: `longest`, or until the rate of answers is steady, if that comes first.
struct WarmUp {
  std::chrono::nanoseconds longest{0};
  std::chrono::nanoseconds window{0};  ///< of answers that are counted together; 0: warm up for `longest`
  bool UntilSteady() const { return window.count() > 0; }
};

/// Until steady, before a run of `duration`: at most as long as that and as half a minute, in windows of a tenth of
/// that, but not below 100 ms, of which timers and gusts of answers would make too much.
WarmUp WarmUpUntilSteady(std::chrono::nanoseconds duration);

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

}  // namespace roberta::loadtest::runner
