#include "loadtest/series/schedule.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace roberta::loadtest::series {

namespace {

constexpr size_t kMostLevels = 1000;
// Steps of a tenth do not add up exactly; a level this near to the end is the end.
constexpr double kSameLevel = 1e-9;

absl::StatusOr<double> ParseLevel(const std::string& text, const LevelLimits& limits) {
  double level = 0;
  const bool fits = absl::SimpleAtod(text, &level) && level >= limits.least && level <= limits.most;
  if (!fits || (limits.whole && level != std::floor(level))) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not a ", limits.whole ? "whole " : "",
                                                   "number from ", limits.least, " to ", limits.most));
  }
  return level;
}

absl::StatusOr<std::vector<double>> ParseAll(const std::vector<std::string>& texts, const LevelLimits& limits) {
  std::vector<double> levels;
  for (const std::string& text : texts) {
    const absl::StatusOr<double> level = ParseLevel(text, limits);
    if (!level.ok()) return level.status();
    levels.push_back(*level);
  }
  return levels;
}

/// From `first` to `last`, which is one of them, by `next`.
template <typename Next>
absl::StatusOr<std::vector<double>> Climb(double first, double last, const Next& next) {
  std::vector<double> levels;
  for (double level = first; level < last * (1 - kSameLevel); level = next(levels.size())) {
    if (levels.size() == kMostLevels) {
      return absl::InvalidArgumentError(absl::StrCat("more than ", kMostLevels, " levels"));
    }
    levels.push_back(level);
  }
  levels.push_back(last);
  return levels;
}

absl::StatusOr<std::vector<double>> ParseRange(const std::vector<std::string>& parts, const LevelLimits& limits) {
  if (parts.size() > 3) return absl::InvalidArgumentError("not FIRST:LAST:STEP");
  const auto ends = ParseAll({parts[0], parts[1]}, limits);
  if (!ends.ok()) return ends.status();
  const double first = ends->front(), last = ends->back();
  if (first > last)
    return absl::InvalidArgumentError(absl::StrCat("the first level, ", first, ", is above the last, ", last));
  if (parts.size() == 2) return Climb(first, last, [&](size_t count) { return first * std::exp2(count); });
  // A step may be smaller than the least level, but not 0.
  const auto step = ParseLevel(parts[2], {limits.whole ? 1 : limits.least * kSameLevel, limits.most, limits.whole});
  if (!step.ok()) return absl::InvalidArgumentError(absl::StrCat("the step ", step.status().message()));
  auto levels = Climb(first, last, [&](size_t count) { return first + static_cast<double>(count) * *step; });
  return levels;
}

}  // namespace

absl::StatusOr<std::vector<double>> ParseLevels(std::string_view text, const LevelLimits& limits) {
  const std::string whole(text);
  const std::vector<std::string> parts = absl::StrSplit(whole, ':');
  if (parts.size() > 1) return ParseRange(parts, limits);
  auto levels = ParseAll(absl::StrSplit(whole, ','), limits);
  if (!levels.ok()) return levels.status();
  std::sort(levels->begin(), levels->end());
  levels->erase(std::unique(levels->begin(), levels->end()), levels->end());
  if (levels->size() > kMostLevels)
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMostLevels, " levels"));
  return levels;
}

using std::chrono::nanoseconds;

std::vector<Step> Schedule(const std::vector<std::string>& profiles, const std::vector<double>& levels, int64_t turns) {
  std::vector<Step> steps;
  for (int64_t turn = 0; turn < turns; ++turn) {
    for (const double level : levels) {
      for (const std::string& profile : profiles) steps.push_back({profile, level, turn});
    }
  }
  return steps;
}

std::string StepText(const Step& step, const std::string& load, int64_t turns) {
  const std::string text = absl::StrCat(step.profile.empty() ? "the default profile" : step.profile, ", ", load);
  return turns > 1 ? absl::StrCat(text, ", turn ", step.turn + 1, " of ", turns) : text;
}

Share ExpectedTime::During(nanoseconds elapsed, nanoseconds longest) const {
  const nanoseconds expected = runs_made_ > 0 ? spent_ / static_cast<int64_t>(runs_made_) : longest;
  const nanoseconds this_one = std::max(elapsed, std::min(longest, std::max(expected, nanoseconds(1))));
  const auto later = static_cast<int64_t>(runs_left_ > 0 ? runs_left_ - 1 : 0);
  return {static_cast<uint64_t>((spent_ + elapsed).count()),
          static_cast<uint64_t>((spent_ + this_one + expected * later).count())};
}

void ExpectedTime::RunEnded(nanoseconds taken) {
  spent_ += taken;
  ++runs_made_;
  if (runs_left_ > 0) --runs_left_;
}

}  // namespace roberta::loadtest::series
