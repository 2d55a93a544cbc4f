#include "loadtest/report/loading.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "loadtest/report/figures.h"
#include "loadtest/report/numbers.h"
#include "loadtest/report/palette.h"
#include "loadtest/report/verdict.h"

namespace roberta::report {

namespace {

/// The key and the value of "token budget 2048".
std::pair<LoadingKey, std::string> Parse(const std::string& variant) {
  for (const LoadingKey& key : LoadingKeys()) {
    if (variant.rfind(key.name + " ", 0) == 0) return {key, variant.substr(key.name.size() + 1)};
  }
  const size_t space = variant.rfind(' ');
  if (space == std::string::npos) return {{"other", "", ""}, variant};
  return {{variant.substr(0, space), "", ""}, variant.substr(space + 1)};
}

/// Numbers by size, words as they are tried: the plainest first.
double Rank(const std::string& value) {
  static const std::vector<std::string> kWords = {"padded", "bucketed", "packed", "off", "on"};
  const auto word = std::find(kWords.begin(), kWords.end(), value);
  if (word != kWords.end()) return static_cast<double>(word - kWords.begin());
  double number = 0;
  return absl::SimpleAtod(value, &number) ? number : 1e18;
}

std::optional<double> P99(const record::RunRecord& run) {
  return LatencyMs(run, 0.99);
}

double RateOf(const ProfileRuns& runs) {
  return FullRate(runs).value_or(Spread()).median;
}

/// Its p99 where all values were run.
std::optional<double> LatencyOf(const LoadingTrial& trial, const ProfileRuns& runs) {
  const std::optional<Load> load = SharedLoad(Pointers(trial.values));
  const std::optional<Spread> p99 = load ? runs.At(*load)->Of(P99) : std::nullopt;
  return p99 ? std::optional(p99->median) : std::nullopt;
}

const ProfileRuns* DefaultOf(const LoadingTrial& trial) {
  const auto found = std::find_if(trial.values.begin(), trial.values.end(),
                                  [&](const ProfileRuns& runs) { return runs.label == trial.key.default_value; });
  return found == trial.values.end() ? nullptr : &*found;
}

/// Whether every pair of runs shows `runs` to be better than the default: no chance of repeated runs.
bool SurelyBetter(const LoadingTrial& trial, const ProfileRuns& standing, const ProfileRuns& runs) {
  const std::optional<SpeedUp> ratio = SpeedUpOf(standing, runs);
  if (ratio && ratio->pairs > 1 && ratio->ratio.low > 1) return true;
  const std::optional<Load> load = SharedLoad(Pointers(trial.values));
  if (!load) return false;
  const std::optional<Spread> before = standing.At(*load)->Of(P99), after = runs.At(*load)->Of(P99);
  return before && after && after->high < before->low && ratio && ratio->ratio.median >= kNearlyAsMany;
}

const ProfileRuns* Best(const LoadingTrial& trial) {
  double most = 0;
  for (const ProfileRuns& runs : trial.values) most = std::max(most, RateOf(runs));
  if (most <= 0) return nullptr;
  const ProfileRuns* best = nullptr;
  double least = 0;
  for (const ProfileRuns& runs : trial.values) {
    const std::optional<double> p99 = LatencyOf(trial, runs);
    if (RateOf(runs) < kNearlyAsMany * most) continue;
    if (best == nullptr || (p99 && *p99 < least)) best = &runs, least = p99.value_or(0);
  }
  const ProfileRuns* const standing = DefaultOf(trial);
  if (standing != nullptr && best != standing && !SurelyBetter(trial, *standing, *best)) return standing;
  if (standing == nullptr || RateOf(*standing) < kNearlyAsMany * most) return best;
  const std::optional<double> p99 = LatencyOf(trial, *standing);
  return !p99 || *p99 * kNearlyAsMany <= least ? standing : best;
}

/// "2.52 times the texts/s of padded (2.49 to 2.55), p99 391 instead of 940 ms".
std::string Against(const LoadingTrial& trial, const ProfileRuns& best, const ProfileRuns& other, bool* matters) {
  const std::optional<SpeedUp> ratio = SpeedUpOf(other, best);
  if (!ratio) return "";
  std::string text = absl::StrFormat("%.2f times the texts/s of %s", ratio->ratio.median, other.label);
  if (ratio->ratio.high > ratio->ratio.low) {
    absl::StrAppendFormat(&text, " (%.2f to %.2f)", ratio->ratio.low, ratio->ratio.high);
  }
  const std::optional<double> own = LatencyOf(trial, best), p99 = LatencyOf(trial, other);
  if (own && p99) absl::StrAppend(&text, ", p99 ", Digits(*own), " instead of ", Digits(*p99), " ms");
  const bool faster = ratio->pairs > 1 && ratio->ratio.low > 1 && ratio->ratio.median > 1 / kNearlyAsMany;
  const bool sooner = own && p99 && *own < kNearlyAsMany * *p99;
  *matters = *matters || faster || sooner;
  return text;
}

}  // namespace

const std::vector<LoadingKey>& LoadingKeys() {
  static const std::vector<LoadingKey> kKeys = {
      {"strategy", "packed",
       "How texts become a batch: padded to the longest of it, bucketed by length and then padded, or packed end to "
       "end "
       "without padding."},
      {"token budget", "2048",
       "How many tokens a batch may hold: larger ones cost less each, smaller ones are done sooner."},
      {"tokenizer workers", "1", "Threads that turn texts into tokens while the executors compute."},
      {"prefetch", "off", "Whether the next batch is formed while one runs."},
  };
  return kKeys;
}

std::vector<LoadingTrial> LoadingTrials(const record::Series& series) {
  RunPointers runs;
  for (const record::RunRecord& run : series.runs) {
    if (!run.settings.variant.empty()) runs.push_back(&run);
  }
  std::vector<LoadingTrial> trials;
  for (ProfileRuns& one : Sort(runs)) {
    auto [key, value] = Parse(one.variant);
    auto found = std::find_if(trials.begin(), trials.end(), [&, name = key.name](const LoadingTrial& trial) {
      return trial.key.name == name && trial.profile == one.profile;
    });
    if (found == trials.end()) found = trials.insert(trials.end(), {key, one.profile, {}});
    one.label = value;
    one.style = StyleOf(one.profile, 0);
    found->values.push_back(std::move(one));
  }
  const auto rank = [](const LoadingTrial& trial) {
    const auto& keys = LoadingKeys();
    return std::find_if(keys.begin(), keys.end(), [&](const LoadingKey& key) { return key.name == trial.key.name; }) -
           keys.begin();
  };
  std::stable_sort(trials.begin(), trials.end(),
                   [&](const LoadingTrial& a, const LoadingTrial& b) { return rank(a) < rank(b); });
  for (LoadingTrial& trial : trials) {
    std::stable_sort(trial.values.begin(), trial.values.end(),
                     [](const ProfileRuns& a, const ProfileRuns& b) { return Rank(a.label) < Rank(b.label); });
  }
  return trials;
}

LoadingVerdict JudgeLoading(const LoadingTrial& trial) {
  LoadingVerdict verdict = {.best = Best(trial), .matters = false, .text = ""};
  if (verdict.best == nullptr) {
    verdict.text = "Nothing was answered at full load, so nothing can be said of it.";
    return verdict;
  }
  if (trial.values.size() == 1) {
    verdict.text = absl::StrCat("Only ", verdict.best->label, " was measured, so there is nothing to compare.");
    return verdict;
  }
  std::vector<std::string> parts;
  for (const ProfileRuns& runs : trial.values) {
    if (&runs == verdict.best) continue;
    const std::string part = Against(trial, *verdict.best, runs, &verdict.matters);
    if (!part.empty()) parts.push_back(part);
  }
  const std::string standing = verdict.best->label == trial.key.default_value ? " (the default)" : "";
  verdict.text = absl::StrCat(verdict.matters ? "Set " : "It makes no difference that these runs could show; set ",
                              verdict.best->label, standing, parts.empty() ? "." : ": ", absl::StrJoin(parts, "; "),
                              parts.empty() ? "" : ".");
  return verdict;
}

}  // namespace roberta::report
