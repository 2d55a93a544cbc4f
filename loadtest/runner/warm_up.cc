#include "loadtest/runner/warm_up.h"

#include <algorithm>
#include <cmath>

namespace roberta::loadtest::runner {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr nanoseconds kLongest = std::chrono::seconds(30);
constexpr nanoseconds kShortestWindow = milliseconds(100);
constexpr nanoseconds kLongestWindow = std::chrono::seconds(1);
constexpr int kWindowsOfLongest = 10;
constexpr size_t kWindowsCompared = 3;
constexpr double kSteadyWithin = 0.1;
constexpr double kDeviationsOfChance = 2;
constexpr double kNsInSecond = 1e9;

}  // namespace

std::string_view WarmUpEndName(WarmUpEnd end) {
  constexpr std::string_view kNames[] = {"as asked", "steady", "not steady"};
  return kNames[static_cast<size_t>(end)];
}

WarmUp WarmUpUntilSteady(nanoseconds duration) {
  const nanoseconds longest = std::min(duration, kLongest);
  return {longest, std::clamp(longest / kWindowsOfLongest, kShortestWindow, kLongestWindow)};
}

bool IsSteady(const std::vector<WarmUpWindow>& windows) {
  if (windows.size() < kWindowsCompared) return false;
  double seconds = 0, answered = 0, low = HUGE_VAL, high = 0;
  for (auto window = windows.end() - kWindowsCompared; window != windows.end(); ++window) {
    const auto count = static_cast<double>(window->answered);
    seconds += window->seconds;
    answered += count;
    low = std::min(low, count / window->seconds);
    high = std::max(high, count / window->seconds);
  }
  if (answered == 0) return false;
  const double mean = answered / seconds;
  const double chance = kDeviationsOfChance * std::sqrt(answered / kWindowsCompared) * kWindowsCompared / seconds;
  return high - low <= std::max(kSteadyWithin * mean, chance);
}

std::optional<WarmUpEnd> WarmUpWatch::Observe(int64_t now_ns, int64_t answered) {
  if (warm_up_.UntilSteady() && now_ns - window_start_ns_ >= warm_up_.window.count()) {
    windows_.push_back({static_cast<double>(now_ns - window_start_ns_) / kNsInSecond, answered - answered_before_});
    window_start_ns_ = now_ns;
    answered_before_ = answered;
    if (IsSteady(windows_)) return WarmUpEnd::kSteady;
  }
  if (now_ns < warm_up_.longest.count()) return std::nullopt;
  return warm_up_.UntilSteady() ? WarmUpEnd::kNotSteady : WarmUpEnd::kAsAsked;
}

}  // namespace roberta::loadtest::runner
