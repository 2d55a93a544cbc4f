#include "loadtest/report/verdict.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "loadtest/report/figures.h"
#include "loadtest/report/numbers.h"

namespace roberta::report {

namespace {

bool AnsweredNothing(const ProfileRuns& profile) {
  const std::optional<Spread> rate = Busiest(profile).Of(TextsPerSecond);
  return !rate || rate->high <= 0;
}

bool AnyMarked(const Repeats* repeats, const std::string& mark) {
  return repeats != nullptr && std::any_of(repeats->runs.begin(), repeats->runs.end(),
                                           [&](const record::RunRecord* run) { return Mark(*run) == mark; });
}

/// Without a baseline, or with nothing but it, there is nothing to choose.
Verdict NothingToChoose(const std::vector<ProfileRuns>& sorted) {
  const ProfileRuns* most = nullptr;
  double best = 0;
  for (const ProfileRuns& runs : sorted) {
    const double rate = Busiest(runs).Of(TextsPerSecond).value_or(Spread()).median;
    if (rate > best) best = rate, most = &runs;
  }
  if (most == nullptr) return {nullptr, "No request was answered, so nothing can be said of any profile."};
  const std::string found = absl::StrCat(most->label, sorted.size() > 1 ? " answered the most: " : " answered ",
                                         Digits(best), " texts a second at ", LoadText(Busiest(*most).load), ". ");
  return {nullptr, FindBaseline(sorted) == nullptr
                       ? found + "The baseline was not measured, so there is nothing to compare with."
                       : found + "No other profile was measured, so there is nothing to compare with."};
}

Verdict NothingFaster(const std::vector<ProfileRuns>& sorted, const ProfileRuns& baseline) {
  std::vector<std::string> reasons;
  for (const ProfileRuns& runs : sorted) {
    const std::string why_not = WhyNot(&baseline, runs);
    if (!why_not.empty()) reasons.push_back(absl::StrCat(runs.label, " ", why_not));
  }
  return {&baseline, absl::StrCat("Stay with ", baseline.label, ": no profile that keeps its accuracy is faster",
                                  reasons.empty() ? "" : "; ", List(reasons), ".")};
}

}  // namespace

std::string WhyNot(const ProfileRuns* baseline, const ProfileRuns& profile) {
  if (AnsweredNothing(profile)) return "answered nothing";
  if (baseline == nullptr || baseline == &profile) return "";
  const Answers before = AnswersOf(*baseline), after = AnswersOf(profile);
  if (const auto accuracy = CompareAccuracy(before, *baseline, after, profile)) {
    const double lost = 100 * (accuracy->before - accuracy->after);
    if (lost <= kMostPointsLost) return "";
    const std::string sure =
        accuracy->difference ? absl::StrCat(" (", statistics::DifferenceText(*accuracy->difference), ")") : "";
    return absl::StrFormat("loses %.2f points of accuracy%s", lost, sure);
  }
  if (after.agreement && *after.agreement < kLeastAgreement) {
    return absl::StrFormat("agrees with the baseline on only %.2f %%", 100 * *after.agreement);
  }
  return "";
}

std::string Doubt(const ProfileRuns& baseline, const ProfileRuns& profile) {
  const std::optional<SpeedUp> speed_up = SpeedUpOf(baseline, profile);
  if (!speed_up) return "";
  std::string doubt;
  if (speed_up->pairs < 2) {
    doubt = " One run each: how far repeated ones would differ is not known.";
  } else if (speed_up->ratio.low <= 1 && speed_up->ratio.median > 1) {
    // Ranges of repeated runs that touch each other prove nothing.
    doubt = " In some repeated runs it was no faster, so the gain is not certain.";
  }
  for (const ProfileRuns* runs : {&baseline, &profile}) {
    if (AnyMarked(AtFullLoad(*runs), "invalid")) {
      absl::StrAppend(&doubt, " Of ", runs->label,
                      " a run was limited by the load generator, so that rate is the generator's.");
    }
    if (AnyMarked(AtFullLoad(*runs), "partial")) absl::StrAppend(&doubt, " Of ", runs->label, " a run broke off.");
  }
  return doubt;
}

std::string AccuracyDoubt(const ProfileRuns& baseline, const ProfileRuns& profile) {
  const Answers after = AnswersOf(profile);
  const auto accuracy = CompareAccuracy(AnswersOf(baseline), baseline, after, profile);
  if (!accuracy || !accuracy->difference) return "";
  const double most_lost = -100 * accuracy->difference->interval.low;
  if (most_lost <= kMostPointsLost) return "";
  return absl::StrFormat(" With %s texts, a loss of up to %.1f points of accuracy cannot be ruled out.",
                         Count(after.sum.texts_paired), most_lost);
}

Verdict Judge(const std::vector<ProfileRuns>& sorted) {
  const ProfileRuns* const baseline = FindBaseline(sorted);
  if (baseline == nullptr || sorted.size() == 1) return NothingToChoose(sorted);
  const ProfileRuns* best = nullptr;
  double best_rate = 0;
  bool any_full = false;
  for (const ProfileRuns& runs : sorted) {
    const std::optional<Spread> rate = FullRate(runs);
    any_full = any_full || (rate && rate->median > 0);
    if (!rate || rate->median <= best_rate || !WhyNot(baseline, runs).empty()) continue;
    best_rate = rate->median;
    best = &runs;
  }
  if (!any_full && !std::all_of(sorted.begin(), sorted.end(), AnsweredNothing)) {
    return {nullptr,
            "Nothing is recommended: every rate that was asked for was kept up with, so how much more a profile "
            "could do was not measured."};
  }
  if (best == nullptr) {
    return {nullptr, "No profile can be recommended: none answered a request and kept its accuracy."};
  }
  if (best == baseline) return NothingFaster(sorted, *baseline);
  return {best, absl::StrCat("Run ", best->label, ". ", InWords(baseline, *best), Doubt(*baseline, *best),
                             AccuracyDoubt(*baseline, *best))};
}

}  // namespace roberta::report
