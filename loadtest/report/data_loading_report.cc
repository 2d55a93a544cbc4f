#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "loadtest/report/figures.h"
#include "loadtest/report/loading.h"
#include "loadtest/report/numbers.h"
#include "loadtest/report/run_report.h"
#include "loadtest/report/suite_documents.h"
#include "loadtest/report/verdict.h"

namespace roberta::report {

namespace {

using document::Align;
using document::Document;
using document::Heading;
using document::Paragraph;
using document::Table;
using document::TextStyle;
using record::RunRecord;

std::string TitleOf(const LoadingTrial& trial, bool several_profiles) {
  std::string title = trial.key.name;
  if (!title.empty() && title[0] >= 'a' && title[0] <= 'z') title[0] = static_cast<char>(title[0] - 'a' + 'A');
  return several_profiles ? absl::StrCat(title, ", ", trial.profile) : title;
}

bool SeveralProfiles(const std::vector<LoadingTrial>& trials) {
  return std::any_of(trials.begin(), trials.end(),
                     [&](const LoadingTrial& trial) { return trial.profile != trials.front().profile; });
}

Block ValuesTable(const LoadingTrial& trial, const ProfileRuns* best) {
  const std::optional<Load> load = SharedLoad(Pointers(trial.values));
  Table table = {absl::StrCat("By ", trial.key.name, load ? absl::StrCat(", latency at ", LoadText(*load)) : ""),
                 {{trial.key.name, Align::kText},
                  {"texts/s"},
                  {"p50, ms"},
                  {"p99, ms"},
                  {"texts in a batch"},
                  {"padding"},
                  {"", Align::kText}},
                 {}};
  for (const ProfileRuns& runs : trial.values) {
    const std::optional<Spread> rate = FullRate(runs);
    const Repeats& repeats = load ? *runs.At(*load) : Busiest(runs);
    const auto latency = [&](double quantile) {
      return Decimals(repeats.Of([=](const RunRecord& run) { return LatencyMs(run, quantile); }), 2);
    };
    const std::optional<Spread> padding = repeats.Of(PaddingShare);
    const bool standing = runs.label == trial.key.default_value;
    table.rows.push_back({{runs.label, &runs == best},
                          rate ? RangeCell(*rate, 1, &runs == best) : document::Cell{kNotMeasured},
                          {latency(0.5)},
                          {latency(0.99)},
                          {Decimals(repeats.Of(TextsInBatch), 2)},
                          {Percent(padding ? std::optional(padding->median) : std::nullopt)},
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
  Append(MissingNote(trial.values, [](const RunRecord& run) { return run.counters.missing; }), &blocks);
  return blocks;
}

bool HasTrial(const std::vector<LoadingTrial>& trials, const LoadingKey& key) {
  return std::any_of(trials.begin(), trials.end(),
                     [&](const LoadingTrial& trial) { return trial.key.name == key.name; });
}

RunPointers RunsOf(const std::vector<LoadingTrial>& trials) {
  RunPointers runs;
  for (const LoadingTrial& trial : trials) {
    for (const ProfileRuns& value : trial.values) {
      for (const Repeats& repeats : value.loads) runs.insert(runs.end(), repeats.runs.begin(), repeats.runs.end());
    }
  }
  return runs;
}

/// A row a key: what to set, and why.
Block VerdictRows(const std::vector<LoadingTrial>& trials) {
  Table table = {"What each is worth", {{"", Align::kText}, {"", Align::kText}}, {}};
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
  for (const LoadingTrial& trial : trials) Append(Warnings(trial.values), &blocks);
  blocks.push_back(VerdictRows(trials));
  Append(DataLoadingSections(series), &blocks);
  Append(
      LastPage(trials.empty() ? PointersTo(series.runs) : RunsOf(trials),
               {absl::StrFormat("Of a setting's values the one to be set has the lowest p99 among those that reach at "
                                "least %.0f %% of the most texts a second; the default stays unless another is better "
                                "by more than that.",
                                100 * kNearlyAsMany)}),
      &blocks);
  return document;
}

}  // namespace roberta::report
