#include "loadtest/record/run_record.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "loadtest/record/figures.h"
#include "profiles/errors/errors.h"
#include "version/version.h"

// The members of a struct that a file holds, under their own names. Writing and reading are made of one list, so
// neither can forget a member; reading throws std::exception if one is missing or has another type. Both are found by
// the struct's namespace.
#define ROBERTA_JSON_MEMBERS(Type, ...)                                                         \
  static void to_json(nlohmann::ordered_json& nlohmann_json_j, const Type& nlohmann_json_t) {   \
    NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(NLOHMANN_JSON_TO, __VA_ARGS__))                    \
  }                                                                                             \
  static void from_json(const nlohmann::ordered_json& nlohmann_json_j, Type& nlohmann_json_t) { \
    NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(NLOHMANN_JSON_FROM, __VA_ARGS__))                  \
  }

namespace roberta::loadtest {

using Json = nlohmann::ordered_json;

namespace stats {

/// Raw counts by each bin's lowest value, exact figures, and percentiles for readers who want no arithmetic.
static void to_json(Json& json, const Histogram& histogram) {
  Json bins = Json::array();
  for (const Histogram::Bin& bin : histogram.Bins()) bins.push_back({bin.lowest, bin.count});
  Json percentiles_ms = Json::object();
  for (const auto& [name, quantile] :
       {std::pair("p50", 0.5), {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}}) {
    percentiles_ms[name] = static_cast<double>(histogram.ValueAt(quantile)) / kNsPerMs;
  }
  json = {{"unit", "ns"},
          {"significant_digits", histogram.significant_digits()},
          {"count", histogram.count()},
          {"min", histogram.min()},
          {"max", histogram.max()},
          {"mean", histogram.mean()},
          {"percentiles_ms", percentiles_ms},
          {"bins", bins}};
}

static void from_json(const Json& json, Histogram& histogram) {
  std::vector<Histogram::Bin> bins;
  for (const Json& bin : json.at("bins")) {
    bins.push_back({.lowest = bin.at(0).get<int64_t>(), .count = bin.at(1).get<int64_t>()});
  }
  histogram = Histogram::FromBins(json.at("significant_digits").get<int>(), bins, json.at("min").get<int64_t>(),
                                  json.at("max").get<int64_t>(), json.at("mean").get<double>());
}

ROBERTA_JSON_MEMBERS(PhaseSums, calls, tokenize_ns, queue_ns, form_ns, infer_ns, post_ns, total_ns)

static absl::StatusCode CodeOf(const std::string& name) {
  constexpr int kCodes = 17;
  for (int code = 0; code < kCodes; ++code) {
    if (absl::StatusCodeToString(static_cast<absl::StatusCode>(code)) == name) {
      return static_cast<absl::StatusCode>(code);
    }
  }
  throw std::invalid_argument(absl::StrCat("no status code is called ", name));
}

/// The members of a tally that are held as they are, with their names.
template <typename AnyTally, typename Visit>
static void ForEachMember(AnyTally& tally, const Visit& visit) {
  visit("good", tally.good);
  visit("items", tally.items);
  visit("failed_items", tally.failed_items);
  visit("tokens", tally.tokens);
  visit("batch_items", tally.batch_items);
  visit("profiles_used", tally.profiles_used);
  visit("server_phases", tally.phases);
  visit("answered_from_intended", tally.answered_from_intended);
  visit("answered_from_sent", tally.answered_from_sent);
  visit("refused_from_sent", tally.refused_from_sent);
  visit("lateness", tally.lateness);
}

/// Outcomes and codes are counted by their names.
static void to_json(Json& json, const Tally& tally) {
  Json outcomes = Json::object(), codes = Json::object();
  for (size_t i = 0; i < kOutcomes; ++i) outcomes[OutcomeName(static_cast<Outcome>(i))] = tally.outcomes[i];
  for (const auto& [code, count] : tally.codes) codes[absl::StatusCodeToString(code)] = count;
  json = {{"sent", tally.sent}, {"outcomes", std::move(outcomes)}, {"codes", std::move(codes)}};
  ForEachMember(tally, [&](const char* name, const auto& value) { json[name] = value; });
}

static void from_json(const Json& json, Tally& tally) {
  json.at("sent").get_to(tally.sent);
  for (size_t i = 0; i < kOutcomes; ++i) {
    json.at("outcomes").at(std::string(OutcomeName(static_cast<Outcome>(i)))).get_to(tally.outcomes[i]);
  }
  for (const auto& [name, count] : json.at("codes").items()) tally.codes[CodeOf(name)] = count.get<int64_t>();
  ForEachMember(tally, [&](const char* name, auto& value) { json.at(name).get_to(value); });
}

}  // namespace stats

namespace runner {

static void to_json(Json& json, End end) {
  json = EndName(end);
}

static void from_json(const Json& json, End& end) {
  for (const End one : {End::kComplete, End::kStopped, End::kServerLost}) {
    if (json.get<std::string>() == EndName(one)) return void(end = one);
  }
  throw std::invalid_argument(absl::StrCat("a run does not end with ", json.dump()));
}

static void to_json(Json& json, WarmUpEnd end) {
  json = WarmUpEndName(end);
}

static void from_json(const Json& json, WarmUpEnd& end) {
  for (const auto one : {WarmUpEnd::kAsAsked, WarmUpEnd::kSteady, WarmUpEnd::kNotSteady}) {
    if (json.get<std::string>() == WarmUpEndName(one)) return void(end = one);
  }
  throw std::invalid_argument(absl::StrCat("a warm-up does not end with ", json.dump()));
}

ROBERTA_JSON_MEMBERS(Window, sent, answered, refused, other, from_intended)
ROBERTA_JSON_MEMBERS(RunResult, end, warm_up_end, warm_up_seconds, measured_seconds, answered_within, good_within,
                     items_within, tokens_within, intended, held_back, client_cpu_seconds, client_cores, class_names,
                     classes, warm_up, window_seconds, windows)

}  // namespace runner

namespace record {

ROBERTA_JSON_MEMBERS(Settings::Class, name, source, share, texts)
ROBERTA_JSON_MEMBERS(Settings, target, profile, variant, turn, loop, arrivals, rate, concurrency, items_per_request,
                     warm_up_seconds, duration_seconds, deadline_ms, objective_ms, max_in_flight, connections, seed,
                     classes)
ROBERTA_JSON_MEMBERS(ServerDescription::Profile, name, state, precision, revision, kernels, weight_bytes,
                     expected_tokens_per_second, accuracy, agreement, reason, summary)
ROBERTA_JSON_MEMBERS(ServerDescription, model, model_revision, default_profile, profiles)
ROBERTA_JSON_MEMBERS(Environment, program_version, program_commit, started_at, cpu_model, cpu_flags, kernel, cores,
                     usable_cores, load_average)
ROBERTA_JSON_MEMBERS(Quality::CalibrationBin, count, correct, probability_sum)
ROBERTA_JSON_MEMBERS(Quality, labelled, correct, alone_compared, alone_flips, baseline_compared, baseline_agreed,
                     texts_labelled, texts_correct, texts_compared, texts_agreed, texts_paired, texts_only_correct,
                     texts_only_baseline_correct, calibration, missing)
ROBERTA_JSON_MEMBERS(Resources::Sample, seconds, resident_bytes, cpu_seconds, queue_items, inflight_requests)
ROBERTA_JSON_MEMBERS(Resources, samples, missing)
ROBERTA_JSON_MEMBERS(ServerCounters, requests, answered, request_seconds, phase_seconds, batches, batch_items,
                     batch_tokens, padding_ratio_sum, missing)
ROBERTA_JSON_MEMBERS(RunRecord, settings, server, environment, quality, resources, counters, result)
ROBERTA_JSON_MEMBERS(RateSearch::Step, repeat, rate, latency_ms, good_ratio, kept)
ROBERTA_JSON_MEMBERS(RateSearch, profile, variant, quantile, objective_ms, least_good_ratio, steps, found, missing)

namespace {

constexpr int kFormat = 2;

Json ToValue(const std::optional<statistics::AccuracyDifference>& accuracy) {
  if (!accuracy) return nullptr;
  return {{"difference", accuracy->difference}, {"low", accuracy->interval.low}, {"high", accuracy->interval.high}};
}

/// What follows from the counts.
Json Derived(const RunRecord& run) {
  Json derived = Json::object();
  for (const Figure& figure : Figures()) {
    if (figure.json.empty()) continue;
    const std::optional<double> value = figure.value(run);
    derived[std::string(figure.json)] = value ? Json(*value) : Json(nullptr);
  }
  derived["valid"] = run.result.Faults().empty();
  derived["faults"] = run.result.Faults();
  derived["total"] = run.result.Total();
  derived["accuracy_difference"] = ToValue(AccuracyDifferenceOf(run.quality));
  derived["server_gaps"] = ServerGaps(run.result, run.counters);
  return derived;
}

/// The value of the first line of /proc/cpuinfo that begins with `key`; empty if there is none.
std::string CpuInfo(const std::string& key) {
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind(key, 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

/// Adds the members that files lack which were written before there were such.
void AddLaterMembers(Json* runs) {
  for (Json& run : *runs) {
    for (const char* member : {"texts_paired", "texts_only_correct", "texts_only_baseline_correct"}) {
      run.at("quality").emplace(member, 0);
    }
    run.at("result").emplace("window_seconds", 1);
    for (Json& profile : run.at("server").at("profiles")) profile.emplace("summary", "");
  }
}

// By which the server's counters may differ from its answers.
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

Environment ThisEnvironment() {
  Environment environment;
  environment.program_version = version::kVersion;
  environment.program_commit = version::kGitCommit;
  environment.started_at = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now(), absl::UTCTimeZone());
  environment.cpu_model = CpuInfo("model name");
  environment.cpu_flags = CpuInfo("flags");
  utsname system = {};
  if (uname(&system) == 0) environment.kernel = absl::StrCat(system.sysname, " ", system.release);
  environment.cores = sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t set;
  environment.usable_cores = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : environment.cores;
  double load = 0;
  if (getloadavg(&load, 1) == 1) environment.load_average = load;
  return environment;
}

std::optional<statistics::AccuracyDifference> AccuracyDifferenceOf(const Quality& quality) {
  if (quality.texts_paired <= 0) return std::nullopt;
  return statistics::CompareAccuracies({.texts = quality.texts_paired,
                                        .only_first_correct = quality.texts_only_baseline_correct,
                                        .only_second_correct = quality.texts_only_correct});
}

std::string ToJson(const Series& series) {
  Json runs = Json::array();
  for (const RunRecord& run : series.runs) {
    Json json = {{"derived", Derived(run)}};
    json.update(Json(run));
    runs.push_back(std::move(json));
  }
  const Json json = {{"format", kFormat}, {"runs", std::move(runs)}, {"searches", series.searches}};
  return json.dump(1) + "\n";
}

absl::StatusOr<Series> FromJson(const std::string& text) {
  try {
    Json json = Json::parse(text);
    if (const int format = json.at("format").get<int>(); format != kFormat) {
      return errors::InvalidArgument("format is ", format, "; this program reads ", kFormat);
    }
    AddLaterMembers(&json.at("runs"));
    Series series;
    json.at("runs").get_to(series.runs);
    json.at("searches").get_to(series.searches);
    for (const RunRecord& run : series.runs) {
      if (run.result.window_seconds < 1) throw std::invalid_argument("window_seconds is below 1");
    }
    return series;
  } catch (const std::exception& error) {  // nlohmann's, and ours above
    return errors::InvalidArgument("not a record of runs: ", error.what());
  }
}

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

}  // namespace record

}  // namespace roberta::loadtest
