#include "loadtest/record/run_record.h"

#include <optional>

#include "absl/strings/str_format.h"

namespace roberta::loadtest::record {

namespace {

constexpr double kTolerance = 0.02;
constexpr double kNsPerSecond = 1e9;
// A call's clock is read in ns, and sums of seconds are rounded.
constexpr double kHarmlessSecondsPerCall = 1e-6;

stats::Tally Everything(const runner::RunResult& result) {
  stats::Tally all = result.Total();
  all.Merge(result.warm_up);
  return all;
}

/// What calls that were not answered can have taken at most, in s. nullopt: not known.
std::optional<double> UnansweredSeconds(const stats::Tally& all, const ServerCounters& counters) {
  const int64_t answered = all.Count(stats::Outcome::kAnswered), refused = all.Count(stats::Outcome::kRefused);
  if (all.ended() != answered + refused || counters.requests > answered + refused) return std::nullopt;
  return all.refused_from_sent.mean() * static_cast<double>(all.refused_from_sent.count()) / kNsPerSecond;
}

}  // namespace

std::vector<std::string> ServerGaps(const runner::RunResult& result, const ServerCounters& counters) {
  std::vector<std::string> gaps;
  const stats::Tally all = Everything(result);
  if (!counters.missing.empty() || all.ended() == 0) return gaps;
  const int64_t answered = all.Count(stats::Outcome::kAnswered);
  if (static_cast<double>(counters.answered) < (1 - kTolerance) * static_cast<double>(answered)) {
    gaps.push_back(
        absl::StrFormat("%d calls were answered here, and only %d by the server's count", answered, counters.answered));
  }
  if (static_cast<double>(counters.requests) > (1 + kTolerance) * static_cast<double>(all.sent)) {
    gaps.push_back(absl::StrFormat("the server ended %d calls where this program sent %d: others used it too",
                                   counters.requests, all.sent));
  }
  const std::optional<double> unanswered = UnansweredSeconds(all, counters);
  const auto compare = [&](const std::string& name, int64_t answers_ns, double counted) {
    const double said = static_cast<double>(answers_ns) / kNsPerSecond;
    const double allowed = kTolerance * said + kHarmlessSecondsPerCall * static_cast<double>(all.phases.calls);
    if (counted >= said - allowed && (!unanswered || counted <= said + allowed + *unanswered)) return;
    gaps.push_back(absl::StrFormat("%s: %.3f s by the server's counters, %.3f s by its answers", name, counted, said));
  };
  for (const auto& [name, ns] : stats::kPhases) {
    const auto found = counters.phase_seconds.find(name);
    compare(absl::StrFormat("phase %s", name), all.phases.*ns,
            found == counters.phase_seconds.end() ? 0 : found->second);
  }
  compare("whole calls", all.phases.total_ns, counters.request_seconds);
  return gaps;
}

}  // namespace roberta::loadtest::record
