#include "tests/loadtest/report/sample_runs.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"

namespace roberta::loadtest::report_fixture {

namespace {

using record::RunRecord;

constexpr double kSeconds = 10, kWarmUpSeconds = 2;
constexpr double kMiB = 1 << 20;

/// The latency below which a share `q` of the requests lies: log-logistic, through both percentiles.
double LatencyMs(const Given& given, double q) {
  const auto logit = [](double share) { return std::log(share / (1 - share)); };
  return given.p50_ms * std::pow(given.p99_ms / given.p50_ms, logit(q) / logit(0.99));
}

v1::ClassifyResponse ResponseAfter(const Given& given, double latency_ms) {
  v1::ClassifyResponse response;
  response.set_profile_used(given.profile);
  response.set_batch_items(static_cast<uint32_t>(std::lround(std::max(1.0, given.batch_items))));
  response.add_results()->mutable_classification()->set_token_count(24);
  const auto ns = [&](double share) { return static_cast<int64_t>(share * latency_ms * 1e6); };
  v1::Phases& phases = *response.mutable_phases();
  const double waiting = given.users > 1 ? 0.75 : 0.05;
  phases.set_tokenize_ns(ns(0.01));
  phases.set_queue_ns(ns(waiting));
  phases.set_form_ns(ns(0.002));
  phases.set_infer_ns(ns(0.95 - waiting));
  phases.set_post_ns(ns(0.003));
  phases.set_total_ns(ns(0.965));
  return response;
}

void FillResult(const Given& given, runner::RunResult* result) {
  result->class_names = {"main"};
  stats::Tally& tally = result->classes.emplace_back();
  const auto answered = static_cast<int64_t>(std::lround(given.texts_per_second * kSeconds));
  for (int64_t i = 0; i < answered; ++i) {
    const double latency_ms = LatencyMs(given, (static_cast<double>(i) + 0.5) / static_cast<double>(answered));
    const v1::ClassifyResponse response = ResponseAfter(given, latency_ms);
    const auto received_ns = static_cast<int64_t>(latency_ms * 1e6);
    tally.Add({.sent_ns = std::min<int64_t>(20'000, received_ns), .received_ns = received_ns, .response = &response},
              50'000'000);
  }
  for (int64_t i = 0; i < given.refused; ++i) {
    tally.Add({.received_ns = 400'000, .code = absl::StatusCode::kResourceExhausted}, 1);
  }
  for (int64_t i = 0; i < given.expired; ++i) {
    tally.Add({.received_ns = 1'000'000'000, .code = absl::StatusCode::kDeadlineExceeded}, 1);
  }
  tally.sent = tally.ended();
  const v1::ClassifyResponse usual = ResponseAfter(given, given.p50_ms);
  for (int64_t i = 0; i < std::llround(given.texts_per_second * kWarmUpSeconds); ++i) {
    result->warm_up.Add({.received_ns = static_cast<int64_t>(given.p50_ms * 1e6), .response = &usual}, 1);
  }
  result->warm_up.sent = result->warm_up.ended();
  result->warm_up_seconds = kWarmUpSeconds;
  result->measured_seconds = kSeconds;
  result->answered_within = result->items_within = answered;
  result->good_within = tally.good;
  result->tokens_within = 24 * answered;
  result->intended = tally.sent;
  result->client_cpu_seconds = 0.6;
  result->client_cores = 2;
  for (int second = 0; second < static_cast<int>(kWarmUpSeconds + kSeconds); ++second) {
    const double ripple = 1 + 0.04 * std::sin(second * 1.7) - (second == 0 ? 0.35 : 0);
    const auto count = static_cast<int64_t>(std::lround(given.texts_per_second * ripple));
    result->windows.push_back({.sent = count, .answered = count});
  }
}

std::vector<record::ServerDescription::Profile> Profiles() {
  std::vector<record::ServerDescription::Profile> profiles = {
      {"baseline", "READY", "fp32", "5f0c2d7a", {"avx512 tiles"}, 99'876'864, 61'000, 0.8828, -1},
      {"quantized", "READY", "int8", "93be41d0", {"avx512 vnni tiles"}, 25'296'896, 190'000, 0.8828, 0.9961},
      {"pruned", "READY", "fp32", "b80e2c55", {"avx512 tiles"}, 56'623'104, 118'000, 0.8750, 0.9727},
      {"amp", "READY", "bf16", "41aa09fe", {"avx512 bf16 tiles"}, 50'069'504, 99'000, 0.8828, 0.9961},
      {"integrated",
       "READY",
       "int8",
       "0d97e613",
       {"avx512 vnni tiles", "bf16 attention"},
       14'418'944,
       288'000,
       0.8789,
       0.9727},
      {"reference", "UNLOADED", "", "", {}, 0, 0, -1, -1},
  };
  const char* const summaries[] = {
      "The whole model in 32-bit floating point, unpadded: what the others are compared with.",
      "Products in 8-bit whole numbers, with a scale for each output channel and each token.",
      "The model without the attention heads and neurons that matter least, in 32-bit floating point.",
      "Mixed precision: products in bfloat16 where that is faster, sums in 32-bit floating point.",
      "All at once: the pruned model with 8-bit products and mixed-precision attention.",
      "The eager LibTorch model on padded batches: how it would be done without this server."};
  for (size_t i = 0; i < profiles.size(); ++i) profiles[i].summary = summaries[i];
  return profiles;
}

record::Resources MakeResources(const Given& given) {
  record::Resources resources;
  for (double seconds = 0; seconds <= kWarmUpSeconds + kSeconds; seconds += 0.5) {
    const double resident = given.resident_mib + 3 * (1 - std::exp(-seconds));
    resources.samples.push_back({.seconds = seconds,
                                 .resident_bytes = static_cast<int64_t>(resident * kMiB),
                                 .cpu_seconds = 31.5 + (given.users == 1 ? 1.02 : 1.93) * seconds,
                                 .queue_items = static_cast<double>(std::max<int64_t>(0, given.users - 2)),
                                 .inflight_requests = static_cast<double>(given.users)});
  }
  return resources;
}

record::ServerCounters MakeCounters(const Given& given, const runner::RunResult& result) {
  record::ServerCounters counters;
  stats::Tally all = result.Total();
  all.Merge(result.warm_up);
  counters.answered = all.Count(stats::Outcome::kAnswered);
  counters.requests = all.sent;
  counters.batches = std::llround(static_cast<double>(counters.answered) / given.batch_items);
  counters.batch_items = counters.answered;
  counters.batch_tokens = 24 * counters.answered;
  counters.padding_ratio_sum = given.padding * static_cast<double>(counters.batches);
  const auto seconds = [](int64_t ns) { return static_cast<double>(ns) / 1e9; };
  counters.request_seconds = seconds(all.phases.total_ns);
  counters.phase_seconds = {{"tokenize", seconds(all.phases.tokenize_ns)},
                            {"queue", seconds(all.phases.queue_ns)},
                            {"form", seconds(all.phases.form_ns)},
                            {"infer", seconds(all.phases.infer_ns)},
                            {"post", seconds(all.phases.post_ns)}};
  return counters;
}

/// As of a run before which every text was sent alone as well, to the profile and to baseline: `only` and
/// `only_baseline` of them were classified correctly by one of the two.
record::Quality WithTextsAlone(record::Quality quality, int64_t only, int64_t only_baseline) {
  constexpr int64_t kTexts = 872, kBaselineCorrect = 770;
  quality.texts_labelled = quality.texts_compared = quality.texts_paired = kTexts;
  quality.texts_correct = kBaselineCorrect + only - only_baseline;
  quality.texts_agreed = kTexts - only - only_baseline;
  quality.texts_only_correct = only;
  quality.texts_only_baseline_correct = only_baseline;
  return quality;
}

record::Quality QualityOf(const std::string& profile) {
  if (profile == "quantized") return WithTextsAlone(MakeQuality(768, 870, 0), 0, 2);
  if (profile == "pruned") return WithTextsAlone(MakeQuality(767, 847, 0), 11, 14);
  if (profile == "amp") return WithTextsAlone(MakeQuality(769, 871, 1), 0, 1);
  if (profile == "integrated") return WithTextsAlone(MakeQuality(768, 848, 2), 11, 13);
  record::Quality baseline = WithTextsAlone(MakeQuality(770, 872, 0), 0, 0);
  baseline.texts_paired = 0;  // its answers are compared with themselves
  return baseline;
}

}  // namespace

record::Quality MakeQuality(int64_t correct, int64_t agreed, int64_t flips) {
  constexpr int64_t kTexts = 872, kTimes = 10;
  record::Quality quality = {.labelled = kTimes * kTexts,
                             .correct = kTimes * correct,
                             .alone_compared = kTimes * kTexts,
                             .alone_flips = kTimes * flips,
                             .baseline_compared = kTimes * kTexts,
                             .baseline_agreed = kTimes * agreed};
  quality.calibration.resize(10);
  // Two labels: a prediction has at least one half. Most are sure, and the surest are a little less right than they
  // say.
  const int64_t counts[] = {24, 31, 40, 77, kTexts - 172};
  int64_t left = correct;
  for (size_t i = 0; i < 5; ++i) {
    const double middle = 0.55 + 0.1 * static_cast<double>(i);
    const int64_t right = i == 4 ? left : std::llround((middle - 0.04) * static_cast<double>(counts[i]));
    auto& bin = quality.calibration[5 + i];
    bin.count = kTimes * counts[i];
    bin.correct = kTimes * right;
    bin.probability_sum = (i == 4 ? 0.975 : middle) * static_cast<double>(bin.count);
    left -= right;
  }
  return quality;
}

RunRecord MakeRun(const Given& given) {
  RunRecord run;
  run.settings = {.target = "127.0.0.1:8001",
                  .profile = given.profile,
                  .variant = given.variant,
                  .turn = given.turn,
                  .loop = given.users > 0 ? "closed" : "open",
                  .arrivals = given.users > 0 ? "" : "poisson",
                  .rate = given.rate,
                  .concurrency = given.users,
                  .warm_up_seconds = kWarmUpSeconds,
                  .duration_seconds = kSeconds,
                  .deadline_ms = 10'000,
                  .objective_ms = 50,
                  .max_in_flight = 20'000,
                  .connections = 8,
                  .seed = 1,
                  .classes = {{"main", "sst2-dev.tsv", 1, 872}}};
  run.server = {.model = "demo-sst2",
                .model_revision = "7c1d0b3e9f2a4c55",
                .default_profile = "baseline",
                .profiles = Profiles()};
  run.environment = {.program_version = "1.2.3",
                     .program_commit = "0123456789abcdef",
                     .started_at = "2026-01-31T12:00:00Z",
                     .cpu_model = "Example Processor 9000 2-Core",
                     .cpu_flags = "fma avx2 avx512f avx512_vnni avx512_bf16",
                     .kernel = "Linux 6.1.0",
                     .cores = 2,
                     .usable_cores = 2,
                     .load_average = 0.25};
  run.quality = QualityOf(given.profile);
  run.resources = MakeResources(given);
  FillResult(given, &run.result);
  run.counters = MakeCounters(given, run.result);
  return run;
}

record::RateSearch MakeSearch(const std::string& profile, const std::vector<double>& found) {
  record::RateSearch search = {.profile = profile, .variant = "", .objective_ms = 50, .least_good_ratio = 0.99};
  for (size_t repeat = 0; repeat < found.size(); ++repeat) {
    for (const double share : {0.5, 0.8, 1.0, 1.1}) {
      const double latency_ms = 14 / (1.31 - share);
      search.steps.push_back({.repeat = static_cast<int64_t>(repeat),
                              .rate = share * found[repeat],
                              .latency_ms = latency_ms,
                              .good_ratio = share > 1 ? 0.93 : 0.998,
                              .kept = share <= 1});
    }
  }
  search.found = found;
  return search;
}

}  // namespace roberta::loadtest::report_fixture
