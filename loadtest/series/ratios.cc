#include "loadtest/series/ratios.h"
#include "loadtest/record/profile_names.h"

#include <algorithm>

namespace roberta::series {

namespace {

using record::kBaseline;

using record::RunRecord;

std::string ProfileOf(const RunRecord& run) {
  return run.settings.profile.empty() ? run.server.default_profile : run.settings.profile;
}

double LevelOf(const RunRecord& run) {
  return run.settings.loop == "open" ? run.settings.rate : static_cast<double>(run.settings.concurrency);
}

bool SameLoad(const RunRecord& one, const RunRecord& other) {
  return one.settings.loop == other.settings.loop && LevelOf(one) == LevelOf(other);
}

const RunRecord* BaselineOf(const RunRecord& run, const std::vector<RunRecord>& runs) {
  const auto found = std::find_if(runs.begin(), runs.end(), [&](const RunRecord& other) {
    return ProfileOf(other) == kBaseline && other.result.end == runner::End::kComplete && SameLoad(other, run) &&
           other.settings.turn == run.settings.turn;
  });
  return found == runs.end() ? nullptr : &*found;
}

double TextsPerSecond(const RunRecord& run) {
  return run.result.RatePerSecond(run.result.items_within);
}

double LatencyNs(const RunRecord& run, double quantile) {
  return static_cast<double>(run.result.Total().answered_from_intended.ValueAt(quantile));
}

/// Ratios of a profile's runs at one load, one for each turn, by what is compared.
struct Turns {
  std::vector<double> texts_per_second, p50, p99;
};

void AddRatio(double value, double of_baseline, std::vector<double>* ratios) {
  if (value > 0 && of_baseline > 0) ratios->push_back(value / of_baseline);
}

}  // namespace

std::vector<Ratios> RatiosToBaseline(const std::vector<RunRecord>& runs) {
  std::vector<Ratios> all;
  std::vector<Turns> turns;
  for (const RunRecord& run : runs) {
    const RunRecord* const baseline = BaselineOf(run, runs);
    if (ProfileOf(run) == kBaseline || run.result.end != runner::End::kComplete || baseline == nullptr) continue;
    const bool open = run.settings.loop == "open";
    const auto place = std::find_if(all.begin(), all.end(), [&](const Ratios& one) {
      return one.profile == ProfileOf(run) && one.open == open && one.level == LevelOf(run);
    });
    const auto index = static_cast<size_t>(place - all.begin());
    if (place == all.end()) {
      all.push_back({.profile = ProfileOf(run), .open = open, .level = LevelOf(run)});
      all.back().accuracy = record::AccuracyDifferenceOf(run.quality);
      turns.emplace_back();
    }
    AddRatio(TextsPerSecond(run), TextsPerSecond(*baseline), &turns[index].texts_per_second);
    AddRatio(LatencyNs(run, 0.5), LatencyNs(*baseline, 0.5), &turns[index].p50);
    AddRatio(LatencyNs(run, 0.99), LatencyNs(*baseline, 0.99), &turns[index].p99);
  }
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].texts_per_second = stats::SpreadOf(turns[i].texts_per_second);
    all[i].p50 = stats::SpreadOf(turns[i].p50);
    all[i].p99 = stats::SpreadOf(turns[i].p99);
  }
  return all;
}

}  // namespace roberta::series
