#include "loadtest/record/figures.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace roberta::loadtest::record {

namespace {

constexpr double kMicrosecondsPerMillisecond = 1e3;
constexpr double kBytesPerMib = 1 << 20;
constexpr double kShareOfKeepingUp = 0.95;  // of what was due, answered within the measured time
constexpr double kMostUnanswered = 0.02;

std::optional<double> QuantileMs(const stats::Histogram& latency, double quantile) {
  if (latency.count() == 0) return std::nullopt;
  return static_cast<double>(latency.ValueAt(quantile)) / stats::kNsPerMs;
}

std::optional<double> PerBatch(const RunRecord& run, double sum) {
  if (run.counters.batches <= 0) return std::nullopt;
  return sum / static_cast<double>(run.counters.batches);
}

/// The mean time before the actual send; nothing without answers.
std::optional<double> ClientSendMs(const RunRecord& run) {
  const stats::Tally total = run.result.Total();
  if (total.answered_from_sent.count() == 0) return std::nullopt;
  return (total.answered_from_intended.mean() - total.answered_from_sent.mean()) / stats::kNsPerMs;
}

/// The mean time from the actual send that the server does not account for: all of it, if it accounts for none.
std::optional<double> NetworkMs(const RunRecord& run) {
  const stats::Tally total = run.result.Total();
  if (total.answered_from_sent.count() == 0) return std::nullopt;
  const stats::PhaseSums& sums = total.phases;
  const double server_ns = sums.calls > 0 ? static_cast<double>(sums.total_ns) / static_cast<double>(sums.calls) : 0;
  return (total.answered_from_sent.mean() - server_ns) / stats::kNsPerMs;
}

/// The mean of the server's phases; nothing if it accounts for none.
std::optional<double> ServerMs(const RunRecord& run, std::initializer_list<std::string_view> phases) {
  const stats::Tally total = run.result.Total();
  if (total.answered_from_sent.count() == 0 || total.phases.total_ns == 0) return std::nullopt;
  std::optional<double> sum;
  for (const std::string_view phase : phases) {
    if (const auto ms = PhaseMs(run, phase)) sum = sum.value_or(0) + *ms;
  }
  return sum;
}

/// Reading an answer cannot be told apart from the network, so its time counts there.
std::optional<double> ClientReceiveMs(const RunRecord& run) {
  return ClientSendMs(run) ? std::optional(0.0) : std::nullopt;
}

std::optional<double> CountOf(const RunRecord& run, stats::Outcome outcome) {
  return static_cast<double>(run.result.Total().Count(outcome));
}

/// Nothing without an objective.
std::optional<double> GoodputShare(const RunRecord& run) {
  const stats::Tally total = run.result.Total();
  return run.settings.objective_ms > 0 ? Ratio(total.good, total.sent) : std::nullopt;
}

std::optional<double> MeanBatchItems(const RunRecord& run) {
  const stats::Tally total = run.result.Total();
  return Ratio(total.batch_items, total.Count(stats::Outcome::kAnswered)).value_or(0);
}

std::string ProfileColumn(const RunRecord& run) {
  return run.settings.profile.empty() ? run.server.default_profile : run.settings.profile;
}

/// One of the three numbers of a difference of accuracy.
template <typename Part>
std::optional<double> AccuracyPart(const RunRecord& run, const Part& part) {
  const auto accuracy = AccuracyDifferenceOf(run.quality);
  return accuracy ? std::optional(part(*accuracy)) : std::nullopt;
}

using Run = const RunRecord&;
using Value = std::optional<double>;

std::vector<Figure> MakeFigures() {
  constexpr Format kRate = Format::kRate, kMs = Format::kMilliseconds, kShare = Format::kShare, kCount = Format::kCount;
  return {
      // As in perf_analyzer's CSV. The means from "Client Send" to "Client Recv" add up to the mean latency.
      {"texts/s", "texts/s", "Inferences/Second", "items_per_second", kRate, TextsPerSecond},
      {"", "", "Client Send", "", kMs, ClientSendMs},
      {"", "", "Network+Server Send/Recv", "", kMs, NetworkMs},
      {"", "", "Server Queue", "", kMs, [](Run run) { return ServerMs(run, {"queue"}); }},
      {"", "", "Server Compute Input", "", kMs,
       [](Run run) {
         return ServerMs(run, {"tokenize", "form"});
       }},
      {"", "", "Server Compute Infer", "", kMs, [](Run run) { return ServerMs(run, {"infer"}); }},
      {"", "", "Server Compute Output", "", kMs, [](Run run) { return ServerMs(run, {"post"}); }},
      {"", "", "Client Recv", "", kMs, ClientReceiveMs},
      {"p50 ms", "p50, ms", "p50 latency", "", kMs, [](Run run) { return LatencyMs(run, 0.5); }},
      {"", "", "p90 latency", "", kMs, [](Run run) { return LatencyMs(run, 0.9); }},
      {"", "", "p95 latency", "", kMs, [](Run run) { return LatencyMs(run, 0.95); }},
      {"p99 ms", "p99, ms", "p99 latency", "", kMs, [](Run run) { return LatencyMs(run, 0.99); }},
      {"", "p99.9, ms", "", "", kMs, [](Run run) { return LatencyMs(run, 0.999); }},
      {"", "p99 from the actual send, ms", "", "", kMs, [](Run run) { return LatencyFromSentMs(run, 0.99); }},
      // Our own.
      {"", "", "Profile", "", kCount, nullptr, ProfileColumn},
      {"", "", "Turn", "", kCount, [](Run run) { return Value(static_cast<double>(run.settings.turn)); }},
      {"", "", "End", "", kCount, nullptr, [](Run run) { return std::string(EndName(run.result.end)); }},
      {"", "", "Faults", "", kCount, nullptr, [](Run run) { return absl::StrJoin(run.result.Faults(), "; "); }},
      {"", "", "Requests Sent", "", kCount,
       [](Run run) { return Value(static_cast<double>(run.result.Total().sent)); }},
      {"", "", "Requests Answered", "", kCount, [](Run run) { return CountOf(run, stats::Outcome::kAnswered); }},
      {"", "", "Requests Refused", "", kCount, [](Run run) { return CountOf(run, stats::Outcome::kRefused); }},
      {"answered", "", "", "", kShare,
       [](Run run) {
         const Value unanswered = UnansweredShare(run);
         return unanswered ? Value(1 - *unanswered) : std::nullopt;
       }},
      {"", "not answered", "", "", kShare, UnansweredShare},
      {"goodput", "", "Goodput Ratio", "", kShare, GoodputShare},
      {"accuracy", "", "Accuracy", "", kShare,
       [](Run run) { return Ratio(run.quality.correct, run.quality.labelled); }},
      {"agreement", "", "Agreement", "", kShare,
       [](Run run) { return Ratio(run.quality.baseline_agreed, run.quality.baseline_compared); }},
      {"flips", "", "Flips", "", kShare,
       [](Run run) { return Ratio(run.quality.alone_flips, run.quality.alone_compared); }},
      {"", "", "Accuracy Difference", "", kShare,
       [](Run run) { return AccuracyPart(run, [](const auto& accuracy) { return accuracy.difference; }); }},
      {"", "", "Accuracy Difference Low", "", kShare,
       [](Run run) { return AccuracyPart(run, [](const auto& accuracy) { return accuracy.interval.low; }); }},
      {"", "", "Accuracy Difference High", "", kShare,
       [](Run run) { return AccuracyPart(run, [](const auto& accuracy) { return accuracy.interval.high; }); }},
      {"", "", "", "answered_per_second", kRate, AnswersPerSecond},
      {"", "", "", "good_per_second", kRate,
       [](Run run) { return Value(run.result.RatePerSecond(run.result.good_within)); }},
      {"", "", "", "tokens_per_second", kRate,
       [](Run run) { return Value(run.result.RatePerSecond(run.result.tokens_within)); }},
      {"", "", "", "sent_per_second", kRate,
       [](Run run) { return Value(run.result.RatePerSecond(run.result.Total().sent)); }},
      {"", "", "", "goodput_ratio", kShare,
       [](Run run) { return Value(Ratio(run.result.Total().good, run.result.Total().sent).value_or(0)); }},
      {"", "", "", "mean_batch_items", kCount, MeanBatchItems},
  };
}

std::string Row(const std::vector<std::string>& fields) {
  const auto quoted = [](std::string* out, const std::string& field) { absl::StrAppend(out, CsvField(field)); };
  return absl::StrCat(absl::StrJoin(fields, ",", quoted), "\r\n");
}

std::string Level(const RunRecord& run) {
  const Settings& settings = run.settings;
  if (settings.loop == "closed") return absl::StrCat(settings.concurrency);
  if (settings.rate > 0) return absl::StrFormat("%.6g", settings.rate);
  return absl::StrFormat("%.6g", run.result.RatePerSecond(run.result.intended));  // recorded intervals
}

}  // namespace

std::optional<double> Ratio(int64_t part, int64_t whole) {
  if (whole <= 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

Load LoadOf(const RunRecord& run) {
  const bool open = run.settings.loop == "open";
  return {open, open ? run.settings.rate : static_cast<double>(run.settings.concurrency)};
}

std::string LoadText(const Load& load) {
  if (!load.open) return absl::StrFormat("%g user%s", load.level, load.level == 1 ? "" : "s");
  return load.level > 0 ? absl::StrFormat("%.6g requests/s", load.level) : "recorded intervals";
}

std::string ProfileOf(const RunRecord& run) {
  if (!run.settings.profile.empty()) return run.settings.profile;
  return run.server.default_profile.empty() ? "default" : run.server.default_profile;
}

std::optional<double> AnswersPerSecond(const RunRecord& run) {
  return run.result.RatePerSecond(run.result.answered_within);
}

std::optional<double> TextsPerSecond(const RunRecord& run) {
  return run.result.RatePerSecond(run.result.items_within);
}

std::optional<double> LatencyMs(const RunRecord& run, double quantile) {
  return QuantileMs(run.result.Total().answered_from_intended, quantile);
}

std::optional<double> LatencyFromSentMs(const RunRecord& run, double quantile) {
  return QuantileMs(run.result.Total().answered_from_sent, quantile);
}

std::optional<double> UnansweredShare(const RunRecord& run) {
  const stats::Tally total = run.result.Total();
  const std::optional<double> answered = Ratio(total.Count(stats::Outcome::kAnswered), total.sent);
  return answered ? std::optional(1 - *answered) : std::nullopt;
}

std::optional<double> PhaseMs(const RunRecord& run, std::string_view phase) {
  const stats::Tally total = run.result.Total();
  const stats::PhaseSums& sums = total.phases;
  if (sums.calls == 0) return std::nullopt;
  const auto mean_ms = [&](double ns) { return ns / stats::kNsPerMs / static_cast<double>(sums.calls); };
  if (phase == "outside") {
    const double seen_ns = total.answered_from_sent.mean() * static_cast<double>(total.answered_from_sent.count());
    return mean_ms(std::max(0.0, seen_ns - static_cast<double>(sums.total_ns)));
  }
  for (const auto& [name, ns] : stats::kPhases) {
    if (phase == name) return mean_ms(static_cast<double>(sums.*ns));
  }
  return std::nullopt;
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
  return static_cast<double>(most) / kBytesPerMib;
}

std::optional<double> BusyCores(const RunRecord& run) {
  const auto& samples = run.resources.samples;
  if (samples.size() < 2) return std::nullopt;
  const double seconds = samples.back().seconds - samples.front().seconds;
  if (seconds <= 0) return std::nullopt;
  return (samples.back().cpu_seconds - samples.front().cpu_seconds) / seconds;
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

std::string_view Figure::NameIn(Place place) const {
  return place == Place::kTerminal ? terminal : place == Place::kReport ? report : csv;
}

std::string Figure::TextOf(const RunRecord& run, Place place) const {
  if (text != nullptr) return text(run);
  const std::optional<double> number = value(run);
  if (!number) return "";
  const bool in_csv = place == Place::kCsv;
  switch (format) {
    case Format::kRate:
      return in_csv ? absl::StrFormat("%.6g", *number) : absl::StrFormat("%.1f", *number);
    case Format::kMilliseconds:
      if (in_csv) return absl::StrCat(static_cast<int64_t>(std::llround(*number * kMicrosecondsPerMillisecond)));
      return absl::StrFormat("%.*f", place == Place::kReport ? 2 : 3, *number);
    case Format::kShare:
      return in_csv ? absl::StrFormat("%.6f", *number) : absl::StrFormat("%.2f %%", 100 * *number);
    case Format::kCount:
      break;
  }
  return absl::StrFormat("%.0f", *number);
}

const std::vector<Figure>& Figures() {
  static const std::vector<Figure> kFigures = MakeFigures();
  return kFigures;
}

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string ToCsv(const std::vector<RunRecord>& runs) {
  const bool open = !runs.empty() && runs.front().settings.loop == "open";
  std::vector<std::string> names = {open ? "Request Rate" : "Concurrency"};
  for (const Figure& figure : Figures()) {
    if (!figure.csv.empty()) names.emplace_back(figure.csv);
  }
  std::string text = Row(names);
  for (const RunRecord& run : runs) {
    std::vector<std::string> fields = {Level(run)};
    for (const Figure& figure : Figures()) {
      if (!figure.csv.empty()) fields.push_back(figure.TextOf(run, Place::kCsv));
    }
    text += Row(fields);
  }
  return text;
}

}  // namespace roberta::loadtest::record
