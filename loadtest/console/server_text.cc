#include "loadtest/console/server_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "loadtest/record/cross_check.h"

namespace roberta::console {

namespace {

constexpr double kMiB = 1 << 20;

std::string ProcessText(const record::Resources& resources) {
  const auto& samples = resources.samples;
  if (samples.empty()) return "";
  const auto most = [&](auto of) {
    double highest = 0;
    for (const auto& sample : samples) highest = std::max(highest, static_cast<double>(of(sample)));
    return highest;
  };
  const double seconds = samples.back().seconds - samples.front().seconds;
  const double cpu = samples.back().cpu_seconds - samples.front().cpu_seconds;
  return absl::StrFormat("its process: at most %.1f MiB and %.0f texts waiting; %.2f cores in the mean\n",
                         most([](const auto& sample) { return sample.resident_bytes; }) / kMiB,
                         most([](const auto& sample) { return sample.queue_items; }), seconds > 0 ? cpu / seconds : 0);
}

std::string BatchesText(const record::ServerCounters& counters) {
  if (counters.batches == 0) return "";
  const double batches = static_cast<double>(counters.batches);
  return absl::StrFormat("its batches: %d, in the mean %.1f texts, %.1f tokens and %.1f %% padding\n", counters.batches,
                         static_cast<double>(counters.batch_items) / batches,
                         static_cast<double>(counters.batch_tokens) / batches,
                         100 * counters.padding_ratio_sum / batches);
}

std::string GapsText(const record::RunRecord& record) {
  if (record.counters.requests == 0 && record.counters.batches == 0) return "";
  const std::vector<std::string> gaps = record::ServerGaps(record.result, record.counters);
  if (gaps.empty()) return "its counters agree with its answers\n";
  std::string text;
  for (const std::string& gap : gaps) absl::StrAppend(&text, "GAP between its counters and its answers: ", gap, "\n");
  return text;
}

}  // namespace

std::string ServerText(const record::RunRecord& record) {
  std::string text = ProcessText(record.resources);
  if (record.counters.missing.empty()) {
    absl::StrAppend(&text, BatchesText(record.counters), GapsText(record));
  } else {
    absl::StrAppend(&text, "its counters are not known: ", record.counters.missing, "\n");
  }
  return text;
}

}  // namespace roberta::console
