#include "loadtest/series/csv.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace roberta::series {

namespace {

constexpr double kNsPerUs = 1e3;

std::string Row(const std::vector<std::string>& fields) {
  const auto quoted = [](std::string* out, const std::string& field) { absl::StrAppend(out, CsvField(field)); };
  return absl::StrCat(absl::StrJoin(fields, ",", quoted), "\r\n");
}

std::string Microseconds(double ns) {
  return absl::StrCat(static_cast<int64_t>(std::llround(ns / kNsPerUs)));
}

std::string Ratio(int64_t part, int64_t whole) {
  return whole > 0 ? absl::StrFormat("%.6f", static_cast<double>(part) / static_cast<double>(whole)) : "";
}

std::string Level(const record::RunRecord& run) {
  const record::Settings& settings = run.settings;
  if (settings.loop == "closed") return absl::StrCat(settings.concurrency);
  if (settings.rate > 0) return absl::StrFormat("%.6g", settings.rate);
  return absl::StrFormat("%.6g", run.result.RatePerSecond(run.result.intended));  // recorded intervals
}

/// From "Client Send" to "Client Recv".
std::vector<std::string> PartsOfLatency(const stats::Tally& total) {
  constexpr size_t kColumns = 7;
  if (total.answered_from_sent.count() == 0) return std::vector<std::string>(kColumns);
  const double sent_ns = total.answered_from_sent.mean();
  const std::string client_send = Microseconds(total.answered_from_intended.mean() - sent_ns);
  const stats::PhaseSums& sums = total.phases;
  if (sums.calls == 0 || sums.total_ns == 0) return {client_send, Microseconds(sent_ns), "", "", "", "", "0"};
  const auto mean = [&](int64_t ns) { return static_cast<double>(ns) / static_cast<double>(sums.calls); };
  return {client_send,
          Microseconds(sent_ns - mean(sums.total_ns)),
          Microseconds(mean(sums.queue_ns)),
          Microseconds(mean(sums.tokenize_ns + sums.form_ns)),
          Microseconds(mean(sums.infer_ns)),
          Microseconds(mean(sums.post_ns)),
          "0"};
}

std::vector<std::string> ColumnsOf(const record::RunRecord& run) {
  const stats::Tally total = run.result.Total();
  std::vector<std::string> row = {Level(run),
                                  absl::StrFormat("%.6g", run.result.RatePerSecond(run.result.items_within))};
  for (std::string& part : PartsOfLatency(total)) row.push_back(std::move(part));
  for (const double quantile : {0.5, 0.9, 0.95, 0.99}) {
    const stats::Histogram& latency = total.answered_from_intended;
    row.push_back(latency.count() > 0 ? Microseconds(static_cast<double>(latency.ValueAt(quantile))) : "");
  }
  const record::Quality& quality = run.quality;
  const bool has_objective = run.settings.objective_ms > 0;
  for (std::string field :
       {run.settings.profile.empty() ? run.server.default_profile : run.settings.profile,
        absl::StrCat(run.settings.turn), std::string(EndName(run.result.end)), absl::StrJoin(run.result.Faults(), "; "),
        absl::StrCat(total.sent), absl::StrCat(total.Count(stats::Outcome::kAnswered)),
        absl::StrCat(total.Count(stats::Outcome::kRefused)), has_objective ? Ratio(total.good, total.sent) : "",
        Ratio(quality.correct, quality.labelled), Ratio(quality.baseline_agreed, quality.baseline_compared),
        Ratio(quality.alone_flips, quality.alone_compared)}) {
    row.push_back(std::move(field));
  }
  const auto accuracy = record::AccuracyDifferenceOf(quality);
  const auto share = [&](double value) { return accuracy ? absl::StrFormat("%.6f", value) : ""; };
  const statistics::AccuracyDifference known = accuracy.value_or(statistics::AccuracyDifference());
  for (const double value : {known.difference, known.interval.low, known.interval.high}) row.push_back(share(value));
  return row;
}

}  // namespace

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string ToCsv(const std::vector<record::RunRecord>& runs) {
  const bool open = !runs.empty() && runs.front().settings.loop == "open";
  std::string text = Row({open ? "Request Rate" : "Concurrency",
                          "Inferences/Second",
                          "Client Send",
                          "Network+Server Send/Recv",
                          "Server Queue",
                          "Server Compute Input",
                          "Server Compute Infer",
                          "Server Compute Output",
                          "Client Recv",
                          "p50 latency",
                          "p90 latency",
                          "p95 latency",
                          "p99 latency",
                          "Profile",
                          "Turn",
                          "End",
                          "Faults",
                          "Requests Sent",
                          "Requests Answered",
                          "Requests Refused",
                          "Goodput Ratio",
                          "Accuracy",
                          "Agreement",
                          "Flips",
                          "Accuracy Difference",
                          "Accuracy Difference Low",
                          "Accuracy Difference High"});
  for (const record::RunRecord& run : runs) text += Row(ColumnsOf(run));
  return text;
}

}  // namespace roberta::series
