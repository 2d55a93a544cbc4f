#include <algorithm>
#include <map>
#include <set>

#include "loadtest/report/figures.h"
#include "loadtest/report/verdict.h"

namespace roberta::report {

namespace {

using Pair = std::pair<const record::RunRecord*, const record::RunRecord*>;

bool TurnsDiffer(const Repeats& repeats) {
  std::set<int64_t> turns;
  for (const record::RunRecord* run : repeats.runs) turns.insert(run->settings.turn);
  return turns.size() == repeats.runs.size();
}

/// Without runs that broke off.
Repeats Complete(const Repeats& repeats) {
  Repeats complete = {repeats.load, {}};
  for (const record::RunRecord* run : repeats.runs) {
    if (run->result.end == runner::End::kComplete) complete.runs.push_back(run);
  }
  return complete;
}

/// Runs that stood beside each other, so that a drift of the machine hits both alike.
std::vector<Pair> Pairs(const Repeats& before, const Repeats& after) {
  std::vector<Pair> pairs;
  if (!TurnsDiffer(before) || !TurnsDiffer(after)) {
    for (size_t i = 0; i < std::min(before.runs.size(), after.runs.size()); ++i) {
      pairs.emplace_back(before.runs[i], after.runs[i]);
    }
    return pairs;
  }
  std::map<int64_t, const record::RunRecord*> by_turn;
  for (const record::RunRecord* run : before.runs) by_turn[run->settings.turn] = run;
  for (const record::RunRecord* run : after.runs) {
    if (const auto found = by_turn.find(run->settings.turn); found != by_turn.end()) {
      pairs.emplace_back(found->second, run);
    }
  }
  return pairs;
}

}  // namespace

std::optional<SpeedUp> RatioOf(const Repeats& before, const Repeats& after, const RunFigure& figure) {
  std::vector<double> ratios;
  for (const auto& [one, other] : Pairs(Complete(before), Complete(after))) {
    const std::optional<double> was = figure(*one), is = figure(*other);
    if (was && is && *was > 0) ratios.push_back(*is / *was);
  }
  const std::optional<Spread> ratio = SpreadOf(ratios);
  if (!ratio) return std::nullopt;
  return SpeedUp{*ratio, ratios.size()};
}

std::optional<SpeedUp> SpeedUpOf(const ProfileRuns& baseline, const ProfileRuns& profile) {
  const Repeats* const before = AtFullLoad(baseline);
  const Repeats* const after = AtFullLoad(profile);
  if (before == nullptr || after == nullptr) return std::nullopt;
  return RatioOf(*before, *after, TextsPerSecond);
}

std::optional<Spread> FullRate(const ProfileRuns& runs) {
  const Repeats* const full = AtFullLoad(runs);
  return full == nullptr ? std::nullopt : full->Of(TextsPerSecond);
}

}  // namespace roberta::report
