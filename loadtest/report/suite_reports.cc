#include "loadtest/report/reports.h"

#include "absl/strings/str_cat.h"
#include "loadtest/report/sections.h"
#include "loadtest/report/verdict.h"

namespace roberta::loadtest::report {

namespace {

using document::Document;

const std::vector<std::string> kAll = {kBaseline, "quantized", "pruned", "amp", "integrated"};

std::vector<record::RateSearch> SearchesOf(const Comparison& comparison) {
  std::vector<record::RateSearch> searches;
  for (const record::RateSearch* search : comparison.searches) searches.push_back(*search);
  return searches;
}

/// What the verdict rests on, and the last page.
void AppendEvidence(const record::Series& series, const Comparison& comparison, Blocks* blocks) {
  const std::vector<ProfileRuns>& sorted = comparison.sorted;
  if (!sorted.empty()) {
    blocks->emplace_back(Heading{"Throughput and latency"});
    blocks->push_back(RateBars(sorted));
    blocks->push_back(LatencyBars(sorted));
    blocks->push_back(ThroughputChart(sorted));
    blocks->push_back(PercentileChart(sorted));
    Append(SearchSection(SearchesOf(comparison), sorted), blocks);
    Append(PhaseSection(sorted), blocks);
    Append(AnswersSection(sorted), blocks);
    Append(ResourceSection(sorted), blocks);
    Append(OutcomeSection(sorted), blocks);
  }
  Append(LastPage(sorted.empty() ? PointersTo(series.runs) : comparison.runs, {}), blocks);
}

/// The last of `names` compared with the first. Two are explained by what they are, more by what was found.
Document ComparisonReport(const record::Series& series, const std::string& title,
                          const std::vector<std::string>& names) {
  const bool pair = names.size() == 2;
  const Comparison comparison = Compare(series, names);
  Document document = EmptyReport(series.runs.front(), title);
  Blocks& blocks = document.blocks;
  blocks.emplace_back(Heading{"Verdict"});
  blocks.emplace_back(Paragraph{BeforeAndAfter(comparison, names.front(), names.back()), TextStyle::kLead});
  Append(AbsentBoxes(comparison), &blocks);
  if (!comparison.sorted.empty()) {
    Append(Warnings(comparison.sorted), &blocks);
    blocks.push_back(FiguresTable(comparison));
    if (!pair) blocks.push_back(WordsTable(comparison.sorted));
  }
  for (const std::string& name : names) {
    const std::string what = WhatItIs(series, name);
    if (pair && !what.empty()) blocks.emplace_back(Paragraph{absl::StrCat(name, ": ", what), TextStyle::kNote});
  }
  AppendEvidence(series, comparison, &blocks);
  return document;
}

Paragraph Introduction(const record::Series& series) {
  const std::string& model = series.runs.front().server.model;
  return {
      absl::StrCat("roberta-serve is a server that classifies texts with a fine-tuned RoBERTa model on ordinary "
                   "processors, without a graphics card. How it computes an answer is an optimization profile, which a "
                   "request may name; all profiles of ",
                   model.empty() ? "the model" : model,
                   " answer the same question, at different speeds, sizes and risks for the accuracy. Here they were "
                   "measured side by side, with the same texts on the same machine, in turns.")};
}

Block ProfilesTable(const record::Series& series, const Comparison& comparison) {
  Table table = {"The profiles", Columns({"", ""}), {}};
  for (const ProfileRuns& runs : comparison.sorted) {
    table.rows.push_back({{runs.profile, true, runs.style.color}, {WhatItIs(series, runs.profile)}});
  }
  for (const Comparison::Absent& absent : comparison.absent) {
    const std::string what = WhatItIs(series, absent.profile);
    table.rows.push_back({{absent.profile, true}, {absl::StrCat(what, what.empty() ? "" : " ", "Not measured.")}});
  }
  return table;
}

/// What a reader may do, an action a row.
std::vector<std::string> NextSteps(const record::Series& series, const Comparison& comparison) {
  std::vector<std::string> steps;
  const ProfileRuns* const baseline = FindBaseline(comparison.sorted);
  const ProfileRuns* const best = comparison.sorted.empty() ? nullptr : Judge(comparison.sorted).recommended;
  if (best != nullptr && best != baseline) {
    steps.push_back(absl::StrCat("Make it the default: roberta-client set-default ", best->profile,
                                 ", or default_profile in the server's config."));
    if (!AccuracyDoubt(*baseline, *best).empty()) {
      steps.emplace_back(
          "Compare the accuracies on more texts with labels (roberta-model evaluate, or --file of the suite) "
          "if such a loss would matter.");
    }
    if (!Doubt(*baseline, *best).empty()) steps.emplace_back("Measure again, with more repeats, before relying on it.");
  }
  if (best != nullptr) {
    if (const std::optional<Spread> rate = FoundRate(comparison, best->profile); rate && rate->low > 0) {
      steps.push_back(absl::StrCat("Plan for at most ", Digits(rate->low),
                                   " requests a second on such a machine: the least that a search found to keep the "
                                   "objective."));
    }
  }
  for (const Comparison::Absent& absent : comparison.absent) {
    steps.push_back(absl::StrCat("To have ", absent.profile, " measured, make the server load it: ", absent.why, "."));
  }
  if (const std::string loading = DataLoadingVerdict(series); !loading.empty()) {
    steps.push_back(absl::StrCat("Data loading, measured apart: ", loading));
  }
  steps.emplace_back(
      "Measure on your own model, machine and texts before you decide for them: roberta-loadtest suite makes these "
      "reports of any server.");
  return steps;
}

Block StepsTable(const std::vector<std::string>& steps) {
  Table table = {"", Columns({"", ""}), {}};
  for (size_t i = 0; i < steps.size(); ++i) table.rows.push_back({{absl::StrCat(i + 1, "."), true}, {steps[i]}});
  return table;
}

Document SummaryReport(const record::Series& series) {
  const Comparison comparison = Compare(series, kAll);
  const std::vector<ProfileRuns>& sorted = comparison.sorted;
  Document document = EmptyReport(series.runs.front(), "Which profile to run");
  Blocks& blocks = document.blocks;
  blocks.emplace_back(Heading{"Verdict"});
  blocks.emplace_back(
      Paragraph{sorted.empty() ? "No profile was measured, so nothing can be said about any." : Judge(sorted).text,
                TextStyle::kLead});
  if (!sorted.empty()) Append(Warnings(sorted), &blocks);
  Append(AbsentBoxes(comparison), &blocks);
  blocks.emplace_back(Heading{"What was compared"});
  blocks.emplace_back(Introduction(series));
  blocks.push_back(ProfilesTable(series, comparison));
  if (!sorted.empty()) {
    blocks.emplace_back(Heading{"What was found"});
    blocks.push_back(FiguresTable(comparison));
    blocks.push_back(WordsTable(sorted));
    blocks.push_back(RateBars(sorted));
    blocks.push_back(LatencyBars(sorted));
    blocks.push_back(ThroughputChart(sorted));
    blocks.push_back(AccuracyChart(sorted));
    blocks.push_back(WeightBars(sorted));
  }
  blocks.emplace_back(Heading{"What to do next"});
  blocks.push_back(StepsTable(NextSteps(series, comparison)));
  Append(LastPage(sorted.empty() ? PointersTo(series.runs) : comparison.runs, {}), &blocks);
  return document;
}

}  // namespace

std::vector<NamedDocument> SuiteReports(const record::Series& series) {
  const auto pair = [&](const std::string& title, const std::string& after) {
    return ComparisonReport(series, title, {kBaseline, after});
  };
  return {
      {"quantization_performance.pdf", pair("Quantization performance", "quantized")},
      {"pruning_performance.pdf", pair("Pruning performance", "pruned")},
      {"mixed_precision_performance.pdf", pair("Mixed precision performance", "amp")},
      {"data_loading_efficiency.pdf", DataLoadingReport(series)},
      {"integrated_optimization.pdf", ComparisonReport(series, "Integrated optimization", kAll)},
      {"summary.pdf", SummaryReport(series)},
  };
}

}  // namespace roberta::loadtest::report
