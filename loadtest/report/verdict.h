#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loadtest/report/presentation.h"

namespace roberta::loadtest::report {

/// Where a figure of the answers' quality comes from.
enum class Source {
  kNone,    ///< not measured
  kAlone,   ///< every text of the runs, once, sent alone before: the same texts for all profiles
  kRuns,    ///< the answers that the runs got
  kSample,  ///< the server's own sample of texts, when it loaded the profile
};

/// Runs answer their texts one after another, over and over, and end anywhere: fewer passes over them are of other
/// texts for each profile, and their accuracies differ by chance. Then the sample goes before the runs.
inline constexpr int64_t kLeastPasses = 10;

/// How good a profile's answers were.
struct Answers {
  std::optional<double>
      accuracy;  ///< share of the labeled texts; of the texts alone, else of the runs, else of the sample
  std::optional<double> agreement;  ///< share of the texts with baseline's label
  std::optional<double> flips;  ///< share of the texts whose label in a batch is another than alone; of the runs only
  Source accuracy_source = Source::kNone, agreement_source = Source::kNone;
  /// From baseline's accuracy on the same texts, each sent alone; nothing of baseline, or where accuracies come from
  /// elsewhere, since then it is not known which texts the two classify differently.
  std::optional<statistics::AccuracyDifference> difference;
  record::Quality sum;  ///< over the runs
  int64_t texts = 0;    ///< that the runs chose from; a text counts in `sum` each time it was answered
};
Answers AnswersOf(const ProfileRuns& runs);
/// The answers of all of `sorted`, for comparison: accuracies come from one source, if there is one that all have.
std::vector<Answers> AnswersOfAll(const std::vector<ProfileRuns>& sorted);

/// Accuracies of a profile and its baseline from the same source, as above.
struct AccuracyPair {
  double before = 0, after = 0;
  Source source = Source::kNone;
  std::optional<statistics::AccuracyDifference> difference;  ///< as Answers has it
};
std::optional<AccuracyPair> CompareAccuracy(const ProfileRuns& baseline, const ProfileRuns& runs);

/// "each text alone", "these runs", "the server's sample".
std::string SourceName(Source source);

/// Expected calibration error: how far the probability of the predicted label is from the share of right answers, on
/// average over the answers. Nothing without labeled answers.
std::optional<double> CalibrationError(const record::Quality& quality);

/// Accuracy, agreement, flips, calibration.
Blocks AnswersSection(const std::vector<ProfileRuns>& sorted);

/// A profile's points of accuracy from baseline, with their interval below; empty for baseline.
Cell DifferenceCell(const Answers& answers, bool is_baseline);

Block AccuracyChart(const std::vector<ProfileRuns>& sorted);  ///< half as wide

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
