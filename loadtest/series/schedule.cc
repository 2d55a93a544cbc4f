#include "loadtest/series/schedule.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace roberta::series {

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

}  // namespace roberta::series
