#include <algorithm>
#include <cmath>
#include <utility>

#include "tests/loadtest/report/sample_runs.h"

namespace roberta::loadtest::report_fixture {

namespace {

/// How fast a profile of SuiteSeries is.
struct Speed {
  const char* profile;
  double texts_per_second;  ///< with both cores busy
  double alone_ms;          ///< a lone call
  double resident_mib;
};
constexpr Speed kSpeeds[] = {{"baseline", 131, 12.6, 274},
                             {"quantized", 404, 4.5, 203},
                             {"pruned", 247, 7.1, 231},
                             {"amp", 212, 8.3, 226},
                             {"integrated", 613, 3.2, 190}};

/// Turns differ by a percent or two, as they do on a machine that is shared.
double Drift(int64_t turn, size_t profile) {
  return 1 + 0.012 * std::sin(2.1 * static_cast<double>(turn) + static_cast<double>(profile));
}

void AddProfile(const Speed& speed, size_t index, record::Series* series) {
  for (int64_t turn = 0; turn < 3; ++turn) {
    const double drift = Drift(turn, index), rate = speed.texts_per_second * drift;
    series->runs.push_back(MakeRun({.profile = speed.profile,
                                    .turn = turn,
                                    .users = 1,
                                    .texts_per_second = 1000 / speed.alone_ms * drift,
                                    .p50_ms = speed.alone_ms * 0.97,
                                    .p99_ms = speed.alone_ms * 1.9,
                                    .resident_mib = speed.resident_mib}));
    for (const int64_t users : {8, 32}) {
      const double filled = users == 8 ? 0.94 : 1;
      series->runs.push_back(MakeRun({.profile = speed.profile,
                                      .turn = turn,
                                      .users = users,
                                      .texts_per_second = rate * filled,
                                      .p50_ms = 1000 * static_cast<double>(users) / rate,
                                      .p99_ms = 1600 * static_cast<double>(users) / rate,
                                      .batch_items = static_cast<double>(users) / 4,
                                      .resident_mib = speed.resident_mib}));
    }
    const bool overloaded = rate < 150;
    series->runs.push_back(MakeRun({.profile = speed.profile,
                                    .turn = turn,
                                    .rate = 150,
                                    .texts_per_second = std::min(150.0, rate * 0.98),
                                    .p50_ms = overloaded ? 420 : speed.alone_ms * 1.3,
                                    .p99_ms = overloaded ? 1450 : speed.alone_ms * 4,
                                    .refused = overloaded ? 214 : 0,
                                    .batch_items = overloaded ? 6.0 : 1.6,
                                    .resident_mib = speed.resident_mib}));
  }
}

struct Loading {
  const char* variant;
  double texts_per_second, p99_ms, padding;
};
constexpr Loading kLoadings[] = {
    {"strategy padded", 52, 940, 0.618},  {"strategy bucketed", 109, 476, 0.165}, {"strategy packed", 131, 391, 0},
    {"token budget 512", 127, 388, 0},    {"token budget 2048", 131, 391, 0},     {"token budget 8192", 132, 512, 0},
    {"tokenizer workers 1", 131, 390, 0}, {"tokenizer workers 2", 131, 393, 0},   {"prefetch off", 131, 391, 0},
    {"prefetch on", 126, 402, 0},
};

void AddLoadings(record::Series* series) {
  for (int64_t turn = 0; turn < 3; ++turn) {
    for (size_t i = 0; i < std::size(kLoadings); ++i) {
      const Loading& loading = kLoadings[i];
      series->runs.push_back(MakeRun({.variant = loading.variant,
                                      .turn = turn,
                                      .users = 32,
                                      .texts_per_second = loading.texts_per_second * Drift(turn, 3 * i),
                                      .p50_ms = loading.p99_ms * 0.62,
                                      .p99_ms = loading.p99_ms * Drift(turn, i),
                                      .padding = loading.padding,
                                      .batch_items = 8}));
    }
  }
}

}  // namespace

record::Series SuiteSeries() {
  record::Series series;
  for (size_t i = 0; i < std::size(kSpeeds); ++i) {
    AddProfile(kSpeeds[i], i, &series);
    const double most = kSpeeds[i].texts_per_second * 0.8;
    series.searches.push_back(MakeSearch(kSpeeds[i].profile, {most, most * 1.03, most * 0.98}));
  }
  AddLoadings(&series);
  return series;
}

record::Series WithFailed(record::Series series, const std::string& profile, const std::string& reason) {
  std::erase_if(series.runs, [&](const record::RunRecord& run) { return run.settings.profile == profile; });
  std::erase_if(series.searches, [&](const record::RateSearch& search) { return search.profile == profile; });
  for (record::RunRecord& run : series.runs) {
    for (auto& description : run.server.profiles) {
      if (description.name != profile) continue;
      description = {.name = profile, .state = "FAILED", .reason = reason, .summary = description.summary};
    }
  }
  return series;
}

}  // namespace roberta::loadtest::report_fixture
