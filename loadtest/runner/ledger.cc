#include "loadtest/runner/ledger.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kMostWindows = 400;

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

Ledger::Ledger(const Plan& plan, const std::vector<std::string>& class_names)
    : plan_(plan), warm_up_watch_(plan.warm_up), end_ns_((plan.warm_up.longest + plan.duration).count()) {
  if (plan.warm_up.UntilSteady()) {
    result_.warm_up_end = WarmUpEnd::kNotSteady;  // until it is
  } else {
    warmed_up_at_ns_ = plan.warm_up.longest.count();
  }
  result_.class_names = class_names;
  result_.classes.resize(class_names.size());
}

void Window::Merge(const Window& next) {
  for (int64_t Window::*count : {&Window::sent, &Window::answered, &Window::refused, &Window::other}) {
    this->*count += next.*count;
  }
  from_intended.Merge(next.from_intended);
}

void Ledger::WatchWarmUp(int64_t now_ns) {
  const std::optional<WarmUpEnd> end = warm_up_watch_.Observe(now_ns, answered_);
  if (!end) return;
  result_.warm_up_end = *end;
  warmed_up_at_ns_ = now_ns;
  end_ns_ = warmed_up_at_ns_ + plan_.duration.count();
}

void Ledger::Send(int64_t intended_ns, int64_t sent_ns, size_t request_class) {
  ++TallyOf(intended_ns, request_class).sent;
  ++WindowAt(sent_ns).sent;
}

void Ledger::Finish(const stats::Sample& sample, const workload::Request& request) {
  TallyOf(sample.intended_ns, request.request_class).Add(sample, plan_.objective.count());
  FinishByTime(sample);
  if (plan_.on_answer && sample.response != nullptr && sample.intended_ns >= warmed_up_at_ns_) {
    plan_.on_answer(request, *sample.response);
  }
  if (stats::OutcomeOf(sample.code) != stats::Outcome::kUnavailable) {
    unavailable_since_.reset();
  } else if (!unavailable_since_) {
    unavailable_since_ = sample.received_ns;
  }
}

void Ledger::FinishByTime(const stats::Sample& sample) {
  Window& window = WindowAt(sample.received_ns);
  const stats::Outcome outcome = stats::OutcomeOf(sample.code);
  window.refused += outcome == stats::Outcome::kRefused;
  window.other += outcome != stats::Outcome::kRefused && outcome != stats::Outcome::kAnswered;
  if (outcome != stats::Outcome::kAnswered) return;
  ++window.answered;
  ++answered_;
  window.from_intended.Add(sample.received_ns - sample.intended_ns);
  if (sample.received_ns < warmed_up_at_ns_ || sample.received_ns >= end_ns_) return;
  ++result_.answered_within;
  result_.good_within += sample.received_ns - sample.intended_ns <= plan_.objective.count();
  for (const v1::ItemResult& item : sample.response->results()) {
    result_.items_within += item.has_classification();
    result_.tokens_within += item.classification().token_count();
  }
}

stats::Tally& Ledger::TallyOf(int64_t intended_ns, size_t request_class) {
  return intended_ns < warmed_up_at_ns_ ? result_.warm_up : result_.classes[request_class];
}

Window& Ledger::WindowAt(int64_t ns) {
  const int64_t second = std::max<int64_t>(ns, 0) / kNsPerSecond;
  std::vector<Window>& windows = result_.windows;
  for (; second / result_.window_seconds >= kMostWindows; result_.window_seconds *= 2) {
    for (size_t i = 1; i < windows.size(); i += 2) windows[i - 1].Merge(windows[i]);
    for (size_t i = 1; 2 * i < windows.size(); ++i) windows[i] = std::move(windows[2 * i]);
    windows.resize((windows.size() + 1) / 2);
  }
  const auto index = static_cast<size_t>(second / result_.window_seconds);
  if (index >= windows.size()) windows.resize(index + 1);
  return windows[index];
}

bool Ledger::ServerIsLost(int64_t now_ns) const {
  return unavailable_since_ && now_ns - *unavailable_since_ > plan_.lost_after.count();
}

bool Ledger::NobodyButUnavailable() const {
  const stats::Tally total = result_.Total();
  const int64_t unavailable =
      total.Count(stats::Outcome::kUnavailable) + result_.warm_up.Count(stats::Outcome::kUnavailable);
  return unavailable > 0 && unavailable == total.ended() + result_.warm_up.ended();
}

RunResult Ledger::Close(End end, int64_t ended_ns, int64_t unsent) && {
  result_.end = end;
  WindowAt(ended_ns);  // the last seconds may have been silent
  // A run may be too short to tell a lost server from a gust; one without any other outcome is no gust.
  if (end == End::kComplete && NobodyButUnavailable()) result_.end = End::kServerLost;
  result_.warm_up_seconds = static_cast<double>(std::min(ended_ns, warmed_up_at_ns_)) / kNsPerSecond;
  result_.measured_seconds = static_cast<double>(std::max<int64_t>(0, ended_ns - warmed_up_at_ns_)) / kNsPerSecond;
  result_.intended = result_.Total().sent + unsent;
  return std::move(result_);
}

}  // namespace roberta::loadtest::runner
