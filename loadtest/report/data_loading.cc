#include "loadtest/report/reports.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "loadtest/report/sections.h"
#include "loadtest/report/verdict.h"

namespace roberta::loadtest::report {

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
  const auto word = std::ranges::find(kWords, value);
  if (word != kWords.end()) return static_cast<double>(word - kWords.begin());
  double number = 0;
  return absl::SimpleAtod(value, &number) ? number : 1e18;
}

double RateOf(const ProfileRuns& runs) {
  return FullRate(runs).value_or(Spread()).median;
}

/// Its p99 where all values were run.
std::optional<Spread> LatencyOf(const LoadingTrial& trial, const ProfileRuns& runs) {
  const std::optional<Load> load = SharedLoad(PointersTo(trial.values));
  return load ? runs.At(*load)->Of(LatencyAt(0.99)) : std::nullopt;
}

const ProfileRuns* DefaultOf(const LoadingTrial& trial) {
  const auto found = std::ranges::find(trial.values, trial.key.default_value, &ProfileRuns::label);
  return found == trial.values.end() ? nullptr : &*found;
}

/// Whether every pair of runs shows `runs` to be better than the default: no chance of repeated runs.
bool SurelyBetter(const LoadingTrial& trial, const ProfileRuns& standing, const ProfileRuns& runs) {
  const std::optional<SpeedUp> ratio = SpeedUpOf(standing, runs);
  if (ratio && ratio->pairs > 1 && ratio->ratio.low > 1) return true;
  const std::optional<Spread> before = LatencyOf(trial, standing), after = LatencyOf(trial, runs);
  return before && after && after->high < before->low && ratio && ratio->ratio.median >= kNearlyAsMany;
}

const ProfileRuns* Best(const LoadingTrial& trial) {
  double most = 0;
  for (const ProfileRuns& runs : trial.values) most = std::max(most, RateOf(runs));
  if (most <= 0) return nullptr;
  const ProfileRuns* best = nullptr;
  double least = 0;
  for (const ProfileRuns& runs : trial.values) {
    const std::optional<double> p99 = Median(LatencyOf(trial, runs));
    if (RateOf(runs) < kNearlyAsMany * most) continue;
    if (best == nullptr || (p99 && *p99 < least)) best = &runs, least = p99.value_or(0);
  }
  const ProfileRuns* const standing = DefaultOf(trial);
  if (standing != nullptr && best != standing && !SurelyBetter(trial, *standing, *best)) return standing;
  if (standing == nullptr || RateOf(*standing) < kNearlyAsMany * most) return best;
  const std::optional<double> p99 = Median(LatencyOf(trial, *standing));
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
  const std::optional<double> own = Median(LatencyOf(trial, best)), p99 = Median(LatencyOf(trial, other));
  if (own && p99) absl::StrAppend(&text, ", p99 ", Digits(*own), " instead of ", Digits(*p99), " ms");
  const bool faster = ratio->pairs > 1 && ratio->ratio.low > 1 && ratio->ratio.median > 1 / kNearlyAsMany;
  const bool sooner = own && p99 && *own < kNearlyAsMany * *p99;
  *matters = *matters || faster || sooner;
  return text;
}

using document::Document;

std::string TitleOf(const LoadingTrial& trial, bool several_profiles) {
  std::string title = trial.key.name;
  if (!title.empty() && title[0] >= 'a' && title[0] <= 'z') title[0] = static_cast<char>(title[0] - 'a' + 'A');
  return several_profiles ? absl::StrCat(title, ", ", trial.profile) : title;
}

bool SeveralProfiles(const std::vector<LoadingTrial>& trials) {
  return std::ranges::any_of(trials,
                             [&](const LoadingTrial& trial) { return trial.profile != trials.front().profile; });
}

Block ValuesTable(const LoadingTrial& trial, const ProfileRuns* best) {
  const std::optional<Load> load = SharedLoad(PointersTo(trial.values));
  Table table = {absl::StrCat("By ", trial.key.name, load ? absl::StrCat(", latency at ", LoadText(*load)) : ""),
                 Columns({trial.key.name}, {"texts/s", "p50, ms", "p99, ms", "texts in a batch", "padding"}, {""}),
                 {}};
  for (const ProfileRuns& runs : trial.values) {
    const std::optional<Spread> rate = FullRate(runs);
    const Repeats& repeats = load ? *runs.At(*load) : Busiest(runs);
    const auto latency = [&](double quantile) { return Decimals(repeats.Of(LatencyAt(quantile)), 2); };
    const bool standing = runs.label == trial.key.default_value;
    table.rows.push_back({{runs.label, &runs == best},
                          rate ? RangeCell(*rate, 1, &runs == best) : Cell{kNotMeasured},
                          {latency(0.5)},
                          {latency(0.99)},
                          {Decimals(repeats.Of(TextsInBatch), 2)},
                          {Percent(Median(repeats.Of(PaddingShare)))},
                          {absl::StrCat(&runs == best ? "to be set" : "", &runs == best && standing ? ", " : "",
                                        standing ? "default" : "")}});
  }
  return table;
}

Blocks TrialSection(const LoadingTrial& trial, const std::string& title) {
  const LoadingVerdict verdict = JudgeLoading(trial);
  Blocks blocks = {Heading{title}};
  blocks.emplace_back(
      Paragraph{trial.key.what.empty() ? verdict.text : absl::StrCat(trial.key.what, " ", verdict.text)});
  blocks.push_back(ValuesTable(trial, verdict.best));
  blocks.push_back(RateBars(trial.values));
  blocks.push_back(LatencyBars(trial.values));
  Append(MissingNote(Reasons(RunsOf(trial.values), &RunRecord::counters)), &blocks);
  return blocks;
}

bool HasTrial(const std::vector<LoadingTrial>& trials, const LoadingKey& key) {
  return std::ranges::any_of(trials, [&](const LoadingTrial& trial) { return trial.key.name == key.name; });
}

/// A row a key: what to set, and why.
Block VerdictRows(const std::vector<LoadingTrial>& trials) {
  Table table = {"What each is worth", Columns({"", ""}), {}};
  for (const LoadingTrial& trial : trials) {
    table.rows.push_back(
        {{SeveralProfiles(trials) ? absl::StrCat(trial.key.name, ", ", trial.profile) : trial.key.name, true},
         {JudgeLoading(trial).text}});
  }
  for (const LoadingKey& key : LoadingKeys()) {
    if (!HasTrial(trials, key))
      table.rows.push_back({{key.name, true}, {"Not measured: no run of it is in the records."}});
  }
  return table;
}

}  // namespace

const std::vector<LoadingKey>& LoadingKeys() {
  static const std::vector<LoadingKey> kKeys = {
      {"strategy", "packed",
       "How texts become a batch: padded to the longest of it, bucketed by length and then padded, or packed end to "
       "end without padding."},
      {"token budget", "2048",
       "How many tokens a batch may hold: larger ones cost less each, smaller ones are done sooner."},
      {"tokenizer workers", "1", "Threads that turn texts into tokens while the executors compute."},
      {"prefetch", "off", "Whether the next batch is formed while one runs."},
  };
  return kKeys;
}

std::vector<LoadingTrial> LoadingTrials(const record::Series& series) {
  RunPointers runs;
  for (const RunRecord& run : series.runs) {
    if (!run.settings.variant.empty()) runs.push_back(&run);
  }
  std::vector<LoadingTrial> trials;
  for (ProfileRuns& one : Sort(runs)) {
    auto [key, value] = Parse(one.variant);
    auto found = std::ranges::find_if(trials, [&, name = key.name](const LoadingTrial& trial) {
      return trial.key.name == name && trial.profile == one.profile;
    });
    if (found == trials.end()) found = trials.insert(trials.end(), {key, one.profile, {}});
    one.label = value;
    one.style = StyleOf(one.profile, 0);
    found->values.push_back(std::move(one));
  }
  const auto rank = [](const LoadingTrial& trial) {
    const auto& keys = LoadingKeys();
    return std::ranges::find(keys, trial.key.name, &LoadingKey::name) - keys.begin();
  };
  std::ranges::stable_sort(trials, {}, rank);
  for (LoadingTrial& trial : trials) {
    std::ranges::stable_sort(trial.values, {}, [](const ProfileRuns& value) { return Rank(value.label); });
  }
  return trials;
}

LoadingVerdict JudgeLoading(const LoadingTrial& trial) {
  LoadingVerdict verdict = {.best = Best(trial), .matters = false, .text = ""};
  if (verdict.best == nullptr) {
    verdict.text = "Nothing was answered at full load, so nothing can be said about it.";
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

std::string DataLoadingVerdict(const record::Series& series) {
  const std::vector<LoadingTrial> trials = LoadingTrials(series);
  std::vector<std::string> settings, idle;
  for (const LoadingTrial& trial : trials) {
    if (trial.profile != trials.front().profile) continue;
    const LoadingVerdict verdict = JudgeLoading(trial);
    if (verdict.best == nullptr || trial.values.size() < 2) continue;
    settings.push_back(absl::StrCat(trial.key.name, " ", verdict.best->label));
    if (!verdict.matters) idle.push_back(trial.key.name);
  }
  if (settings.empty()) return "";
  return absl::StrCat("Set ", List(settings), ".",
                      idle.empty() ? ""
                                   : absl::StrCat(" Of these, ", List(idle), idle.size() == 1 ? " makes" : " make",
                                                  " no difference that the runs could show."));
}

Blocks DataLoadingSections(const record::Series& series) {
  const std::vector<LoadingTrial> trials = LoadingTrials(series);
  Blocks blocks;
  for (const LoadingTrial& trial : trials)
    Append(TrialSection(trial, TitleOf(trial, SeveralProfiles(trials))), &blocks);
  return blocks;
}

Document DataLoadingReport(const record::Series& series) {
  const std::vector<LoadingTrial> trials = LoadingTrials(series);
  Document document = EmptyReport(series.runs.front(), "Data loading efficiency");
  Blocks& blocks = document.blocks;
  const std::string verdict = DataLoadingVerdict(series);
  blocks.emplace_back(Heading{"Verdict"});
  blocks.emplace_back(Paragraph{trials.empty() ? "Not measured: the records hold no run of any way of data loading."
                                : verdict.empty()
                                    ? "Of no setting were two values measured, so there is nothing to compare."
                                    : verdict,
                                TextStyle::kLead});
  RunPointers runs;
  for (const LoadingTrial& trial : trials) {
    Append(Warnings(trial.values), &blocks);
    const RunPointers own = RunsOf(trial.values);
    runs.insert(runs.end(), own.begin(), own.end());
  }
  blocks.push_back(VerdictRows(trials));
  Append(DataLoadingSections(series), &blocks);
  Append(
      LastPage(trials.empty() ? PointersTo(series.runs) : runs,
               {absl::StrFormat("Of a setting's values the one to be set has the lowest p99 among those that reach at "
                                "least %.0f %% of the most texts a second; the default stays unless another is better "
                                "by more than that.",
                                100 * kNearlyAsMany)}),
      &blocks);
  return document;
}

}  // namespace roberta::loadtest::report
