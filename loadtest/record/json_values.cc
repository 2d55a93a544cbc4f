#include "loadtest/record/json_values.h"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace roberta::record {

namespace {

constexpr double kNsPerMs = 1e6;

}  // namespace

Json Write(const stats::Histogram& histogram) {
  Json bins = Json::array();
  for (const stats::Histogram::Bin& bin : histogram.Bins()) bins.push_back({bin.lowest, bin.count});
  Json percentiles_ms = Json::object();
  for (const auto& [name, quantile] :
       {std::pair("p50", 0.5), {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}}) {
    percentiles_ms[name] = static_cast<double>(histogram.ValueAt(quantile)) / kNsPerMs;
  }
  return {{"unit", "ns"},
          {"significant_digits", stats::Histogram::kSignificantDigits},
          {"count", histogram.count()},
          {"min", histogram.min()},
          {"max", histogram.max()},
          {"mean", histogram.mean()},
          {"percentiles_ms", percentiles_ms},
          {"bins", bins}};
}

void Read(const Json& json, stats::Histogram& histogram) {
  std::vector<stats::Histogram::Bin> bins;
  for (const Json& bin : json.at("bins")) {
    bins.push_back({.lowest = bin.at(0).get<int64_t>(), .count = bin.at(1).get<int64_t>()});
  }
  histogram = stats::Histogram::FromBins(bins, json.at("min").get<int64_t>(), json.at("max").get<int64_t>(),
                                         json.at("mean").get<double>());
}

Json Write(const std::array<int64_t, stats::kOutcomes>& outcomes) {
  Json json = Json::object();
  for (size_t i = 0; i < outcomes.size(); ++i) json[OutcomeName(static_cast<stats::Outcome>(i))] = outcomes[i];
  return json;
}

void Read(const Json& json, std::array<int64_t, stats::kOutcomes>& outcomes) {
  for (size_t i = 0; i < outcomes.size(); ++i) {
    outcomes[i] = json.at(std::string(OutcomeName(static_cast<stats::Outcome>(i)))).get<int64_t>();
  }
}

Json Write(const std::map<absl::StatusCode, int64_t>& codes) {
  Json json = Json::object();
  for (const auto& [code, count] : codes) json[absl::StatusCodeToString(code)] = count;
  return json;
}

void Read(const Json& json, std::map<absl::StatusCode, int64_t>& codes) {
  constexpr int kCodes = 17;
  for (const auto& [name, count] : json.items()) {
    int code = 0;
    while (code < kCodes && absl::StatusCodeToString(static_cast<absl::StatusCode>(code)) != name) ++code;
    if (code == kCodes) throw std::invalid_argument(absl::StrCat("no status code is called ", name));
    codes[static_cast<absl::StatusCode>(code)] = count.get<int64_t>();
  }
}

Json Write(runner::End end) {
  return EndName(end);
}

void Read(const Json& json, runner::End& end) {
  for (const runner::End one : {runner::End::kComplete, runner::End::kStopped, runner::End::kServerLost}) {
    if (json.get<std::string>() == EndName(one)) return void(end = one);
  }
  throw std::invalid_argument(absl::StrCat("a run does not end with ", json.dump()));
}

Json Write(runner::WarmUpEnd end) {
  return WarmUpEndName(end);
}

void Read(const Json& json, runner::WarmUpEnd& end) {
  for (const auto one : {runner::WarmUpEnd::kAsAsked, runner::WarmUpEnd::kSteady, runner::WarmUpEnd::kNotSteady}) {
    if (json.get<std::string>() == WarmUpEndName(one)) return void(end = one);
  }
  throw std::invalid_argument(absl::StrCat("a warm-up does not end with ", json.dump()));
}

}  // namespace roberta::record
