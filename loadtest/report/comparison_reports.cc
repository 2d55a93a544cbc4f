#include "absl/strings/str_cat.h"
#include "loadtest/report/comparison.h"
#include "loadtest/report/numbers.h"
#include "loadtest/report/run_report.h"
#include "loadtest/report/suite_documents.h"
#include "loadtest/report/verdict.h"

namespace roberta::report {

namespace {

using document::Document;
using document::Heading;
using document::Paragraph;
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

}  // namespace roberta::report
