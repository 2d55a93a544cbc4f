#include "loadtest/report/suite_reports.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "loadtest/report/answers_section.h"
#include "loadtest/report/blocks.h"
#include "loadtest/report/comparison.h"
#include "loadtest/report/data_loading.h"
#include "loadtest/report/outcome_section.h"
#include "loadtest/report/presentation.h"
#include "loadtest/report/run_report.h"
#include "loadtest/report/server_section.h"
#include "loadtest/report/throughput_section.h"
#include "loadtest/report/verdict.h"
#include "loadtest/report/verdict_section.h"

namespace roberta::loadtest::report {

namespace {

using document::Align;
using document::Document;
using document::Heading;
using document::Paragraph;
using document::Table;
using document::TextStyle;

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

}  // namespace

Document PairReport(const record::Series& series, const std::string& title, const std::vector<std::string>& names) {
  const Comparison comparison = Compare(series, names);
  Document document = EmptyReport(series.runs.front(), title);
  Blocks& blocks = document.blocks;
  blocks.emplace_back(Heading{"Verdict"});
  blocks.emplace_back(Paragraph{BeforeAndAfter(comparison, names[0], names[1]), TextStyle::kLead});
  Append(AbsentBoxes(comparison), &blocks);
  if (!comparison.sorted.empty()) {
    Append(Warnings(comparison.sorted), &blocks);
    blocks.push_back(FiguresTable(comparison));
  }
  for (const std::string& name : names) {
    blocks.emplace_back(Paragraph{absl::StrCat(name, ": ", WhatItIs(name)), TextStyle::kNote});
  }
  AppendEvidence(series, comparison, &blocks);
  return document;
}

Document IntegratedReport(const record::Series& series) {
  const Comparison comparison = Compare(series, {"baseline", "quantized", "pruned", "amp", "integrated"});
  Document document = EmptyReport(series.runs.front(), "Integrated optimization");
  Blocks& blocks = document.blocks;
  blocks.emplace_back(Heading{"Verdict"});
  blocks.emplace_back(Paragraph{BeforeAndAfter(comparison, "baseline", "integrated"), TextStyle::kLead});
  Append(AbsentBoxes(comparison), &blocks);
  if (!comparison.sorted.empty()) {
    Append(Warnings(comparison.sorted), &blocks);
    blocks.push_back(FiguresTable(comparison));
    blocks.push_back(WordsTable(comparison.sorted));
  }
  AppendEvidence(series, comparison, &blocks);
  return document;
}

namespace {

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

Block ProfilesTable(const Comparison& comparison) {
  Table table = {"The profiles", {{"", Align::kText}, {"", Align::kText}}, {}};
  for (const ProfileRuns& runs : comparison.sorted) {
    table.rows.push_back({{runs.profile, true, runs.style.color}, {WhatItIs(runs.profile)}});
  }
  for (const Comparison::Absent& absent : comparison.absent) {
    table.rows.push_back({{absent.profile, true}, {absl::StrCat(WhatItIs(absent.profile), " Not measured.")}});
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
  Table table = {"", {{"", Align::kText}, {"", Align::kText}}, {}};
  for (size_t i = 0; i < steps.size(); ++i) table.rows.push_back({{absl::StrCat(i + 1, "."), true}, {steps[i]}});
  return table;
}

std::string Lead(const Comparison& comparison) {
  return comparison.sorted.empty() ? "No profile was measured, so nothing can be said about any."
                                   : Judge(comparison.sorted).text;
}

}  // namespace

Document SummaryReport(const record::Series& series) {
  const Comparison comparison = Compare(series, {"baseline", "quantized", "pruned", "amp", "integrated"});
  const std::vector<ProfileRuns>& sorted = comparison.sorted;
  Document document = EmptyReport(series.runs.front(), "Which profile to run");
  Blocks& blocks = document.blocks;
  blocks.emplace_back(Heading{"Verdict"});
  blocks.emplace_back(Paragraph{Lead(comparison), TextStyle::kLead});
  if (!sorted.empty()) Append(Warnings(sorted), &blocks);
  Append(AbsentBoxes(comparison), &blocks);
  blocks.emplace_back(Heading{"What was compared"});
  blocks.emplace_back(Introduction(series));
  blocks.push_back(ProfilesTable(comparison));
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

std::vector<NamedDocument> SuiteReports(const record::Series& series) {
  return {
      {"quantization_performance.pdf", PairReport(series, "Quantization performance", {"baseline", "quantized"})},
      {"pruning_performance.pdf", PairReport(series, "Pruning performance", {"baseline", "pruned"})},
      {"mixed_precision_performance.pdf", PairReport(series, "Mixed precision performance", {"baseline", "amp"})},
      {"data_loading_efficiency.pdf", DataLoadingReport(series)},
      {"integrated_optimization.pdf", IntegratedReport(series)},
      {"summary.pdf", SummaryReport(series)},
  };
}

}  // namespace roberta::loadtest::report
