#include "loadtest/runner/run_result.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace roberta::loadtest::runner {

namespace {

constexpr double kNsPerMs = 1e6;
// Lateness up to here cannot be told from the system's timers.
constexpr int64_t kHarmlessLatenessNs = 1'000'000;
constexpr double kHarmlessShareOfMedian = 0.1;
constexpr double kMostBusyShare = 0.9;
constexpr double kLeastSentShare = 0.98;

}  // namespace

std::string_view EndName(End end) {
  constexpr std::string_view kNames[] = {"complete", "stopped", "server lost"};
  return kNames[static_cast<size_t>(end)];
}

stats::Tally RunResult::Total() const {
  stats::Tally total;
  for (const stats::Tally& one : classes) total.Merge(one);
  return total;
}

double RunResult::RatePerSecond(int64_t count_within) const {
  return measured_seconds > 0 ? static_cast<double>(count_within) / measured_seconds : 0;
}

absl::Status RunResult::CheckBooks() const {
  absl::Status status = warm_up.CheckBooks();
  for (const stats::Tally& one : classes) status.Update(one.CheckBooks());
  return status;
}

std::vector<std::string> RunResult::Faults() const {
  std::vector<std::string> faults;
  const stats::Tally total = Total();
  const int64_t lateness_ns = total.lateness.ValueAt(0.99);
  const int64_t median_ns = total.answered_from_intended.ValueAt(0.5);
  const auto harmless_ns = static_cast<int64_t>(kHarmlessShareOfMedian * static_cast<double>(median_ns));
  if (lateness_ns > std::max(kHarmlessLatenessNs, harmless_ns)) {
    faults.push_back(
        absl::StrFormat("this program sent late: p99 of its lateness is %.3f ms, the median latency %.3f ms",
                        static_cast<double>(lateness_ns) / kNsPerMs, static_cast<double>(median_ns) / kNsPerMs));
  }
  if (static_cast<double>(total.sent) < kLeastSentShare * static_cast<double>(intended)) {
    faults.push_back(absl::StrFormat("only %d of %d intended requests were sent", total.sent, intended));
  }
  const double busy = measured_seconds > 0 ? client_cpu_seconds / (measured_seconds * client_cores) : 0;
  if (busy > kMostBusyShare) {
    faults.push_back(absl::StrFormat("this program used %.0f %% of the %d cores it has", 100 * busy, client_cores));
  }
  return faults;
}

}  // namespace roberta::loadtest::runner
