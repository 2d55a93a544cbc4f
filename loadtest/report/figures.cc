#include "loadtest/report/figures.h"

#include <algorithm>
#include <map>

namespace roberta::report {

namespace {

using record::RunRecord;

constexpr double kNsPerMs = 1e6;
constexpr double kMib = 1 << 20;
constexpr double kShareOfKeepingUp = 0.95;  // of what was due, answered within the measured time
constexpr double kMostUnanswered = 0.02;

std::optional<double> Quantile(const stats::Histogram& latency, double quantile) {
  if (latency.count() == 0) return std::nullopt;
  return static_cast<double>(latency.ValueAt(quantile)) / kNsPerMs;
}

std::optional<double> PerBatch(const RunRecord& run, double sum) {
  if (run.counters.batches <= 0) return std::nullopt;
  return sum / static_cast<double>(run.counters.batches);
}

}  // namespace

std::optional<double> AnswersPerSecond(const RunRecord& run) {
  return run.result.RatePerSecond(run.result.answered_within);
}

std::optional<double> TextsPerSecond(const RunRecord& run) {
  return run.result.RatePerSecond(run.result.items_within);
}

std::optional<double> LatencyMs(const RunRecord& run, double quantile) {
  return Quantile(run.result.Total().answered_from_intended, quantile);
}

std::optional<double> LatencyFromSentMs(const RunRecord& run, double quantile) {
  return Quantile(run.result.Total().answered_from_sent, quantile);
}

std::optional<double> UnansweredShare(const RunRecord& run) {
  const stats::Tally total = run.result.Total();
  if (total.sent == 0) return std::nullopt;
  return 1.0 - static_cast<double>(total.Count(stats::Outcome::kAnswered)) / static_cast<double>(total.sent);
}

std::optional<double> PhaseMs(const RunRecord& run, std::string_view phase) {
  const stats::Tally total = run.result.Total();
  const stats::PhaseSums& sums = total.phases;
  if (sums.calls == 0) return std::nullopt;
  const double seen_ns = total.answered_from_sent.mean() * static_cast<double>(total.answered_from_sent.count());
  const std::map<std::string_view, double> ns = {
      {"tokenize", static_cast<double>(sums.tokenize_ns)},
      {"queue", static_cast<double>(sums.queue_ns)},
      {"form", static_cast<double>(sums.form_ns)},
      {"infer", static_cast<double>(sums.infer_ns)},
      {"post", static_cast<double>(sums.post_ns)},
      {"outside", std::max(0.0, seen_ns - static_cast<double>(sums.total_ns))}};
  const auto found = ns.find(phase);
  if (found == ns.end()) return std::nullopt;
  return found->second / kNsPerMs / static_cast<double>(sums.calls);
}

std::optional<double> TextsInBatch(const RunRecord& run) {
  return PerBatch(run, static_cast<double>(run.counters.batch_items));
}

std::optional<double> TokensInBatch(const RunRecord& run) {
  return PerBatch(run, static_cast<double>(run.counters.batch_tokens));
}

std::optional<double> PaddingShare(const RunRecord& run) {
  return PerBatch(run, run.counters.padding_ratio_sum);
}

std::optional<double> ResidentMib(const RunRecord& run) {
  int64_t most = 0;
  for (const auto& sample : run.resources.samples) most = std::max(most, sample.resident_bytes);
  if (most == 0) return std::nullopt;
  return static_cast<double>(most) / kMib;
}

std::optional<double> BusyCores(const RunRecord& run) {
  const auto& samples = run.resources.samples;
  if (samples.size() < 2) return std::nullopt;
  const double seconds = samples.back().seconds - samples.front().seconds;
  if (seconds <= 0) return std::nullopt;
  return (samples.back().cpu_seconds - samples.front().cpu_seconds) / seconds;
}

std::vector<document::Point> ResidentOverTime(const RunRecord& run) {
  std::vector<document::Point> points;
  for (const auto& sample : run.resources.samples) {
    points.push_back({sample.seconds, static_cast<double>(sample.resident_bytes) / kMib, std::nullopt});
  }
  return points;
}

std::vector<document::Point> BusyCoresOverTime(const RunRecord& run) {
  std::vector<document::Point> points;
  const auto& samples = run.resources.samples;
  for (size_t i = 1; i < samples.size(); ++i) {
    const double seconds = samples[i].seconds - samples[i - 1].seconds;
    if (seconds <= 0) continue;
    const double cores = (samples[i].cpu_seconds - samples[i - 1].cpu_seconds) / seconds;
    points.push_back({samples[i].seconds - seconds / 2, cores, std::nullopt});
  }
  return points;
}

bool KeptUp(const RunRecord& run) {
  if (run.settings.loop != "open") return false;
  return static_cast<double>(run.result.answered_within) >=
             kShareOfKeepingUp * static_cast<double>(run.result.intended) &&
         UnansweredShare(run).value_or(1) <= kMostUnanswered;
}

std::string Mark(const RunRecord& run) {
  if (run.result.end != runner::End::kComplete) return "partial";
  return run.result.Faults().empty() ? "" : "invalid";
}

}  // namespace roberta::report
