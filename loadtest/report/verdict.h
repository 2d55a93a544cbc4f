#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loadtest/report/answers.h"
#include "loadtest/report/profile_runs.h"

namespace roberta::loadtest::report {

/// What a profile may cost to be recommended: points of accuracy, or where that was not measured the share of the texts
/// on which it must agree with the baseline.
inline constexpr double kMostPointsLost = 0.5;
inline constexpr double kLeastAgreement = 0.98;

/// How many times the baseline's rate of texts a profile reached, from repeated runs at full load: the median of the
/// ratios of runs of the same turn, lowest and highest. Nothing without both.
struct SpeedUp {
  Spread ratio;
  size_t pairs = 0;
};
std::optional<SpeedUp> SpeedUpOf(const ProfileRuns& baseline, const ProfileRuns& profile);
/// The same of `figure` at a load of each. Runs are paired by turn, or if turns repeat in their order; those that broke
/// off have no part in it.
std::optional<SpeedUp> RatioOf(const Repeats& before, const Repeats& after, const RunFigure& figure);

/// Texts/s at full load.
std::optional<Spread> FullRate(const ProfileRuns& runs);

/// Why a profile may not be recommended; empty if it may. `baseline` may be nullptr.
std::string WhyNot(const ProfileRuns* baseline, const ProfileRuns& profile);

/// What makes the speed-up uncertain, in sentences; empty if nothing.
std::string Doubt(const ProfileRuns& baseline, const ProfileRuns& profile);
/// The same of the accuracy of a profile that may be recommended: how much it may lose for all that the texts show.
std::string AccuracyDoubt(const ProfileRuns& baseline, const ProfileRuns& profile);

struct Verdict {
  const ProfileRuns* recommended = nullptr;  ///< nullptr: nothing can be recommended
  std::string text;                          ///< the recommendation and its grounds, in sentences
};

/// Of the profiles that keep the accuracy, the one that answered the most texts a second; and how sure that is. Without
/// a baseline and another profile to compare it with, nothing is recommended. `sorted` must not be empty and must
/// outlive the verdict.
Verdict Judge(const std::vector<ProfileRuns>& sorted);

/// What was found of a profile beside the baseline, in sentences that begin with `subject`: rates, latency at the same
/// load, answers.
std::string InWords(const ProfileRuns* baseline, const ProfileRuns& profile, const std::string& subject = "It");

}  // namespace roberta::loadtest::report
