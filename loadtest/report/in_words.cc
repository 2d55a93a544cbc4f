#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "loadtest/report/figures.h"
#include "loadtest/report/numbers.h"
#include "loadtest/report/verdict.h"

namespace roberta::report {

namespace {

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
  const auto p99 = [](const record::RunRecord& run) { return LatencyMs(run, 0.99); };
  const std::optional<Spread> before = baseline.At(*load)->Of(p99), after = profile.At(*load)->Of(p99);
  if (!before || !after) return "";
  const char* const change = after->median < 0.98 * before->median   ? "falls"
                             : after->median > 1.02 * before->median ? "rises"
                                                                     : "goes";
  return absl::StrFormat(" Its p99 at %s %s from %s to %s ms.", LoadText(*load), change, Digits(before->median),
                         Digits(after->median));
}

/// " of these runs", ", each sent once".
std::string Whence(Source source) {
  return source == Source::kAlone ? ", each sent once" : absl::StrCat(" of ", SourceName(source));
}

std::string AgreementWords(const Answers& answers, Source accuracy_source) {
  if (!answers.agreement) return "";
  const bool same = answers.agreement_source == accuracy_source;
  return absl::StrFormat(" It gives baseline's label to %.2f %% of the texts%s.", 100 * *answers.agreement,
                         same ? "" : Whence(answers.agreement_source));
}

/// How sure a difference of accuracy is.
std::string DifferenceWords(const AccuracyPair& accuracy) {
  if (accuracy.difference) return absl::StrCat(" (", statistics::DifferenceText(*accuracy.difference), ").");
  return "; how far chance alone could move it is not known, as the answers were not compared text by text.";
}

std::string AccuracyWords(const ProfileRuns& baseline, const ProfileRuns& profile) {
  const Answers before = AnswersOf(baseline), after = AnswersOf(profile);
  const auto accuracy = CompareAccuracy(before, baseline, after, profile);
  if (!accuracy && !after.agreement) return " What it costs in accuracy was not measured.";
  if (!accuracy) return AgreementWords(after, Source::kNone);
  const std::string change =
      absl::StrFormat("%.2f", accuracy->before * 100) == absl::StrFormat("%.2f", accuracy->after * 100)
          ? absl::StrFormat("stays at %.2f %%", accuracy->after * 100)
          : absl::StrFormat("goes from %.2f to %.2f %%", accuracy->before * 100, accuracy->after * 100);
  return absl::StrCat(" Its accuracy, on the labelled texts", Whence(accuracy->source), ", ", change,
                      DifferenceWords(*accuracy), AgreementWords(after, accuracy->source));
}

std::string OwnAccuracyWords(const ProfileRuns& profile) {
  const Answers answers = AnswersOf(profile);
  if (!answers.accuracy) return " Its accuracy was not measured.";
  return absl::StrFormat(" Its accuracy is %.2f %% on the labelled texts%s.", 100 * *answers.accuracy,
                         Whence(answers.accuracy_source));
}

}  // namespace

std::string InWords(const ProfileRuns* baseline, const ProfileRuns& profile, const std::string& subject) {
  const std::optional<Spread> rate = Busiest(profile).Of(TextsPerSecond);
  if (!rate || rate->high <= 0) return subject + " answered nothing.";
  if (baseline == nullptr || baseline == &profile) return RateWords(profile, subject) + OwnAccuracyWords(profile);
  return absl::StrCat(SpeedUpWords(*baseline, profile, subject), LatencyWords(*baseline, profile),
                      AccuracyWords(*baseline, profile));
}

}  // namespace roberta::report
