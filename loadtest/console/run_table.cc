#include "loadtest/console/output.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "loadtest/record/figures.h"
#include "profiles/terminal/terminal.h"

namespace roberta::loadtest::console {

namespace {

std::string ProcessText(const record::RunRecord& record) {
  double waiting = 0;
  for (const auto& sample : record.resources.samples) waiting = std::max(waiting, sample.queue_items);
  if (record.resources.samples.empty()) return "";
  return absl::StrFormat("its process: at most %.1f MiB and %.0f texts waiting; %.2f cores on average\n",
                         record::ResidentMib(record).value_or(0), waiting, record::BusyCores(record).value_or(0));
}

std::string BatchesText(const record::RunRecord& record) {
  if (record.counters.batches <= 0) return "";
  return absl::StrFormat("its batches: %d, on average %.1f texts, %.1f tokens and %.1f %% padding\n",
                         record.counters.batches, *record::TextsInBatch(record), *record::TokensInBatch(record),
                         100 * *record::PaddingShare(record));
}

std::string GapsText(const record::RunRecord& record) {
  if (record.counters.requests == 0 && record.counters.batches == 0) return "";
  const std::vector<std::string> gaps = record::ServerGaps(record.result, record.counters);
  if (gaps.empty()) return "its counters agree with its answers\n";
  std::string text;
  for (const std::string& gap : gaps) absl::StrAppend(&text, "GAP between its counters and its answers: ", gap, "\n");
  return text;
}

using terminal::WithSeparators;

std::string Number(int64_t value) {
  return WithSeparators(static_cast<uint64_t>(value));
}

std::string LoadText(const record::Settings& settings) {
  if (settings.loop == "closed") return absl::StrCat("closed loop, ", settings.concurrency, " users");
  if (settings.arrivals == "replay") return "open loop, recorded intervals";
  return absl::StrFormat("open loop, %g requests/s, %s arrivals", settings.rate, settings.arrivals);
}

std::string WarmUpText(runner::WarmUpEnd end) {
  if (end == runner::WarmUpEnd::kAsAsked) return "";
  return end == runner::WarmUpEnd::kSteady ? ", until the rate was steady"
                                           : ", in which the rate did not become steady";
}

std::string Heading(const record::RunRecord& record) {
  const record::Settings& settings = record.settings;
  std::string profile = settings.profile.empty() ? record.server.default_profile : settings.profile;
  if (profile.empty()) profile = "the default profile";
  const std::string model = record.server.model.empty() ? "" : absl::StrCat(" of ", record.server.model);
  return absl::StrFormat("%s%s at %s: %s, %.1f s after %.1f s of warm-up%s\n", profile, model, settings.target,
                         LoadText(settings), record.result.measured_seconds, record.result.warm_up_seconds,
                         WarmUpText(record.result.warm_up_end));
}

std::string OutcomeText(const stats::Tally& total) {
  std::vector<std::string> header = {"requests", "sent"}, row = {"", Number(total.sent)};
  for (size_t i = 0; i < stats::kOutcomes; ++i) {
    const auto outcome = static_cast<stats::Outcome>(i);
    header.emplace_back(OutcomeName(outcome));
    row.push_back(Number(total.Count(outcome)));
  }
  return terminal::TableText({header, row});
}

std::string CodesText(const stats::Tally& total) {
  std::vector<std::string> codes;
  for (const auto& [code, count] : total.codes) {
    if (code != absl::StatusCode::kOk)
      codes.push_back(absl::StrCat(absl::StatusCodeToString(code), " ", Number(count)));
  }
  return codes.empty() ? "" : absl::StrCat("by code    ", absl::StrJoin(codes, ", "), "\n");
}

std::string RateText(const record::RunRecord& record, const stats::Tally& total) {
  const runner::RunResult& result = record.result;
  std::string text = absl::StrFormat(
      "rates      %.1f answers/s, %.1f texts/s, %.0f tokens/s\n", result.RatePerSecond(result.answered_within),
      result.RatePerSecond(result.items_within), result.RatePerSecond(result.tokens_within));
  if (record.settings.objective_ms > 0 && total.sent > 0) {
    absl::StrAppendFormat(&text, "goodput    %.1f answers/s within %g ms: %.2f %% of what was sent\n",
                          result.RatePerSecond(result.good_within), record.settings.objective_ms,
                          100.0 * static_cast<double>(total.good) / static_cast<double>(total.sent));
  }
  return text;
}

/// A line of what was compared; nothing where nothing was.
std::string QualityText(const record::Quality& quality) {
  std::vector<std::string> parts;
  const auto add = [&](const char* name, int64_t part, int64_t whole) {
    if (whole == 0) return;
    const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
    parts.push_back(absl::StrFormat("%s %.2f %% of %s", name, percent, Number(whole)));
  };
  add("accuracy", quality.correct, quality.labelled);
  add("agreement with baseline", quality.baseline_agreed, quality.baseline_compared);
  add("flips (label other than alone)", quality.alone_flips, quality.alone_compared);
  std::string text = parts.empty() ? "" : absl::StrCat("quality    ", absl::StrJoin(parts, ", "), "\n");
  if (const auto accuracy = record::AccuracyDifferenceOf(quality)) {
    absl::StrAppend(&text, "           accuracy compared with baseline, on ", Number(quality.texts_paired),
                    " texts sent alone: ", statistics::DifferenceText(*accuracy), "\n");
  }
  return text;
}

std::vector<std::string> LatencyRow(std::string name, const stats::Histogram& histogram) {
  std::vector<std::string> row = {std::move(name)};
  const auto add = [&](double ns) { row.push_back(absl::StrFormat("%9.3f", ns / stats::kNsPerMs)); };
  for (const double quantile : {0.5, 0.9, 0.99, 0.999}) add(static_cast<double>(histogram.ValueAt(quantile)));
  add(static_cast<double>(histogram.max()));
  add(histogram.mean());
  row.push_back(absl::StrFormat("%9s", Number(histogram.count())));
  return row;
}

std::string LatencyText(const runner::RunResult& result, const stats::Tally& total) {
  std::vector<std::vector<std::string>> rows = {
      {"latency in ms", "      p50", "      p90", "      p99", "    p99.9", "      max", "     mean", "    count"}};
  rows.push_back(LatencyRow("from the intended send", total.answered_from_intended));
  if (result.classes.size() > 1) {
    for (size_t i = 0; i < result.classes.size(); ++i) {
      rows.push_back(LatencyRow("  " + result.class_names[i], result.classes[i].answered_from_intended));
    }
  }
  rows.push_back(LatencyRow("from the actual send", total.answered_from_sent));
  if (total.refused_from_sent.count() > 0) rows.push_back(LatencyRow("refusals", total.refused_from_sent));
  rows.push_back(LatencyRow("lateness of this program", total.lateness));
  return terminal::TableText(rows);
}

std::string PhasesText(const stats::Tally& total) {
  const stats::PhaseSums& phases = total.phases;
  if (phases.calls == 0 || phases.total_ns == 0) return "";
  const auto mean = [&](double ns) { return ns / stats::kNsPerMs / static_cast<double>(phases.calls); };
  std::string text = "\nserver, mean ms:";
  for (const auto& [name, ns] : stats::kPhases) {
    absl::StrAppendFormat(&text, " %s %.3f ", name, mean(static_cast<double>(phases.*ns)));
  }
  const double seen_ns = total.answered_from_sent.mean() * static_cast<double>(total.answered_from_sent.count());
  const auto total_ns = static_cast<double>(phases.total_ns);
  absl::StrAppendFormat(&text, " total %.3f; outside of it %.3f\nmean batch %.1f texts\n", mean(total_ns),
                        mean(seen_ns - total_ns),
                        static_cast<double>(total.batch_items) / static_cast<double>(phases.calls));
  return text;
}

std::string VerdictText(const runner::RunResult& result) {
  std::string text;
  if (result.end == runner::End::kStopped) text += "Stopped early: the figures are of the part that was run.\n";
  if (result.end == runner::End::kServerLost) text += "The server was lost: the figures are of the time until then.\n";
  if (result.held_back > 0) {
    absl::StrAppend(&text, "Requests held back by the limit on those in flight: ", Number(result.held_back), "\n");
  }
  for (const std::string& fault : result.Faults()) absl::StrAppend(&text, "INVALID: ", fault, "\n");
  return text.empty() ? "" : "\n" + text;
}

}  // namespace

std::string ServerText(const record::RunRecord& record) {
  std::string text = ProcessText(record);
  if (record.counters.missing.empty()) {
    absl::StrAppend(&text, BatchesText(record), GapsText(record));
  } else {
    absl::StrAppend(&text, "its counters are not known: ", record.counters.missing, "\n");
  }
  return text;
}

std::string RunText(const record::RunRecord& record) {
  const stats::Tally total = record.result.Total();
  return absl::StrCat(Heading(record), "\n", OutcomeText(total), CodesText(total), RateText(record, total),
                      QualityText(record.quality), "\n", LatencyText(record.result, total), PhasesText(total),
                      ServerText(record), VerdictText(record.result));
}

}  // namespace roberta::loadtest::console
