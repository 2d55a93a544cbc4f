#include "loadtest/report/verdict.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace roberta::loadtest::report {

namespace {

bool AnsweredNothing(const ProfileRuns& profile) {
  const std::optional<Spread> rate = Busiest(profile).Of(TextsPerSecond);
  return !rate || rate->high <= 0;
}

bool AnyMarked(const Repeats* repeats, const std::string& mark) {
  return repeats != nullptr &&
         std::ranges::any_of(repeats->runs, [&](const RunRecord* run) { return Mark(*run) == mark; });
}

/// Without a baseline, or with nothing but it, there is nothing to choose.
Verdict NothingToChoose(const std::vector<ProfileRuns>& sorted) {
  const ProfileRuns* most = nullptr;
  double best = 0;
  for (const ProfileRuns& runs : sorted) {
    const double rate = Busiest(runs).Of(TextsPerSecond).value_or(Spread()).median;
    if (rate > best) best = rate, most = &runs;
  }
  if (most == nullptr) return {nullptr, "No request was answered, so nothing can be said about any profile."};
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

using Pair = std::pair<const RunRecord*, const RunRecord*>;

bool TurnsDiffer(const Repeats& repeats) {
  std::set<int64_t> turns;
  for (const RunRecord* run : repeats.runs) turns.insert(run->settings.turn);
  return turns.size() == repeats.runs.size();
}

/// Without runs that broke off.
Repeats Complete(const Repeats& repeats) {
  Repeats complete = {repeats.load, {}};
  for (const RunRecord* run : repeats.runs) {
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
  std::map<int64_t, const RunRecord*> by_turn;
  for (const RunRecord* run : before.runs) by_turn[run->settings.turn] = run;
  for (const RunRecord* run : after.runs) {
    if (const auto found = by_turn.find(run->settings.turn); found != by_turn.end()) {
      pairs.emplace_back(found->second, run);
    }
  }
  return pairs;
}

std::string RateWords(const ProfileRuns& profile, const std::string& subject) {
  const Repeats* const full = AtFullLoad(profile);
  if (full == nullptr) {
    return absl::StrCat(subject, " kept up with every rate it was asked for, the highest ",
                        LoadText(profile.loads.back().load), "; how much more it can do was not measured.");
  }
  return absl::StrCat(subject, " answers ", Digits(full->Of(TextsPerSecond)->median), " texts a second at ",
                      LoadText(full->load), ".");
}

std::string SpeedUpWords(const ProfileRuns& baseline, const ProfileRuns& profile, const std::string& subject) {
  const std::optional<SpeedUp> speed_up = SpeedUpOf(baseline, profile);
  if (!speed_up) return RateWords(profile, subject);
  const std::string pairs = speed_up->pairs > 1 ? absl::StrCat(" in ", speed_up->pairs, " pairs of runs") : "";
  const Spread& ratio = speed_up->ratio;
  const std::string range =
      ratio.high > ratio.low ? absl::StrFormat(" (%.2f to %.2f%s)", ratio.low, ratio.high, pairs) : "";
  return absl::StrFormat("%s answers %.2f times as many texts a second as %s%s: %s instead of %s.", subject,
                         ratio.median, baseline.label, range, Digits(FullRate(profile)->median),
                         Digits(FullRate(baseline)->median));
}

std::string LatencyWords(const ProfileRuns& baseline, const ProfileRuns& profile) {
  const std::optional<Load> load = SharedLoad({&baseline, &profile});
  if (!load) return "";
  const std::optional<Spread> before = baseline.At(*load)->Of(LatencyAt(0.99));
  const std::optional<Spread> after = profile.At(*load)->Of(LatencyAt(0.99));
  if (!before || !after) return "";
  const char* const change = after->median < 0.98 * before->median   ? "falls"
                             : after->median > 1.02 * before->median ? "rises"
                                                                     : "goes";
  return absl::StrFormat(" Its p99 at %s %s from %s to %s ms.", LoadText(*load), change, Digits(before->median),
                         Digits(after->median));
}

/// " of these runs", ", each sent once".
std::string SourceWords(Source source) {
  return source == Source::kAlone ? ", each sent once" : absl::StrCat(" of ", SourceName(source));
}

std::string AgreementWords(const Answers& answers, Source accuracy_source) {
  if (!answers.agreement) return "";
  const bool same = answers.agreement_source == accuracy_source;
  return absl::StrFormat(" It gives baseline's label to %.2f %% of the texts%s.", 100 * *answers.agreement,
                         same ? "" : SourceWords(answers.agreement_source));
}

/// How sure a difference of accuracy is.
std::string DifferenceWords(const AccuracyPair& accuracy) {
  if (accuracy.difference) return absl::StrCat(" (", statistics::DifferenceText(*accuracy.difference), ").");
  return "; how far chance alone could move it is not known, as the answers were not compared text by text.";
}

std::string AccuracyWords(const ProfileRuns& baseline, const ProfileRuns& profile) {
  const Answers after = AnswersOf(profile);
  const auto accuracy = CompareAccuracy(baseline, profile);
  if (!accuracy && !after.agreement) return " What it costs in accuracy was not measured.";
  if (!accuracy) return AgreementWords(after, Source::kNone);
  const std::string change =
      absl::StrFormat("%.2f", accuracy->before * 100) == absl::StrFormat("%.2f", accuracy->after * 100)
          ? absl::StrFormat("stays at %.2f %%", accuracy->after * 100)
          : absl::StrFormat("goes from %.2f to %.2f %%", accuracy->before * 100, accuracy->after * 100);
  return absl::StrCat(" Its accuracy, on the labeled texts", SourceWords(accuracy->source), ", ", change,
                      DifferenceWords(*accuracy), AgreementWords(after, accuracy->source));
}

std::string OwnAccuracyWords(const ProfileRuns& profile) {
  const Answers answers = AnswersOf(profile);
  if (!answers.accuracy) return " Its accuracy was not measured.";
  return absl::StrFormat(" Its accuracy is %.2f %% on the labeled texts%s.", 100 * *answers.accuracy,
                         SourceWords(answers.accuracy_source));
}

}  // namespace

std::string WhyNot(const ProfileRuns* baseline, const ProfileRuns& profile) {
  if (AnsweredNothing(profile)) return "answered nothing";
  if (baseline == nullptr || baseline == &profile) return "";
  if (const auto accuracy = CompareAccuracy(*baseline, profile)) {
    const double lost = 100 * (accuracy->before - accuracy->after);
    if (lost <= kMostPointsLost) return "";
    const std::string sure =
        accuracy->difference ? absl::StrCat(" (", statistics::DifferenceText(*accuracy->difference), ")") : "";
    return absl::StrFormat("loses %.2f points of accuracy%s", lost, sure);
  }
  const std::optional<double> agreement = AnswersOf(profile).agreement;
  if (!agreement || *agreement >= kLeastAgreement) return "";
  return absl::StrFormat("agrees with the baseline on only %.2f %%", 100 * *agreement);
}

std::string Doubt(const ProfileRuns& baseline, const ProfileRuns& profile) {
  const std::optional<SpeedUp> speed_up = SpeedUpOf(baseline, profile);
  if (!speed_up) return "";
  std::string doubt;
  if (speed_up->pairs < 2) {
    doubt = " One run each: how far repeated ones would differ is not known.";
  } else if (speed_up->ratio.low <= 1 && speed_up->ratio.median > 1) {
    // Ranges of repeated runs that touch each other prove nothing.
    doubt = " In some repeated runs it was not faster, so the gain is not certain.";
  }
  for (const ProfileRuns* runs : {&baseline, &profile}) {
    if (AnyMarked(AtFullLoad(*runs), "invalid")) {
      absl::StrAppend(&doubt, " One run of ", runs->label,
                      " was limited by the load generator, so its rate is that of the generator.");
    }
    if (AnyMarked(AtFullLoad(*runs), "partial")) absl::StrAppend(&doubt, " One run of ", runs->label, " broke off.");
  }
  return doubt;
}

std::string AccuracyDoubt(const ProfileRuns& baseline, const ProfileRuns& profile) {
  const auto accuracy = CompareAccuracy(baseline, profile);
  if (!accuracy || !accuracy->difference) return "";
  const double most_lost = -100 * accuracy->difference->interval.low;
  if (most_lost <= kMostPointsLost) return "";
  return absl::StrFormat(" With %s texts, a loss of up to %.1f points of accuracy cannot be ruled out.",
                         Count(AnswersOf(profile).sum.texts_paired), most_lost);
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
  if (!any_full && !std::ranges::all_of(sorted, AnsweredNothing)) {
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

std::string InWords(const ProfileRuns* baseline, const ProfileRuns& profile, const std::string& subject) {
  const std::optional<Spread> rate = Busiest(profile).Of(TextsPerSecond);
  if (!rate || rate->high <= 0) return subject + " answered nothing.";
  if (baseline == nullptr || baseline == &profile) return RateWords(profile, subject) + OwnAccuracyWords(profile);
  return absl::StrCat(SpeedUpWords(*baseline, profile, subject), LatencyWords(*baseline, profile),
                      AccuracyWords(*baseline, profile));
}

}  // namespace roberta::loadtest::report
