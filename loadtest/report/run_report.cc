#include "loadtest/report/run_report.h"

#include "absl/strings/str_cat.h"
#include "loadtest/report/sections.h"
#include "loadtest/report/suite_documents.h"

namespace roberta::report {

using document::Document;
using document::Heading;

namespace {

constexpr char kSubject[] = "Load test of a text classification server";
const std::vector<std::string> kKeywords = {"RoBERTa", "load test", "latency", "throughput"};

/// Runs without a variant; those with one are told apart. If all have one, all.
RunPointers RunsToCompare(const record::Series& series) {
  RunPointers runs;
  for (const record::RunRecord& run : series.runs) {
    if (run.settings.variant.empty()) runs.push_back(&run);
  }
  return runs.empty() ? PointersTo(series.runs) : runs;
}

/// Searches keep no run, so where and how they were made is not known.
Document SearchReport(const std::vector<record::RateSearch>& searches, const std::string& title) {
  Document document = {.title = title,
                       .subtitle = "",
                       .footer = absl::StrCat(title, " · roberta-loadtest"),
                       .subject = kSubject,
                       .keywords = kKeywords,
                       .creator = "roberta-loadtest",
                       .created = "",
                       .blocks = SearchSection(searches, {})};
  document.blocks.emplace_back(document::Paragraph{
      "The records hold searches and no run: latency, phases, quality and where it was measured are not in them.",
      document::TextStyle::kNote});
  return document;
}

}  // namespace

Document EmptyReport(const record::RunRecord& run, const std::string& title) {
  const auto& environment = run.environment;
  const std::string program = absl::StrCat("roberta-loadtest ", environment.program_version);
  const std::string model = run.server.model.empty() ? "" : absl::StrCat(run.server.model, " on ");
  const std::string processor = environment.cpu_model.empty() ? "an unknown processor" : environment.cpu_model;
  return {.title = title,
          .subtitle = absl::StrCat(model, processor, ", ", environment.started_at),
          .footer = absl::StrCat(title, " · ", program),
          .subject = kSubject,
          .keywords = kKeywords,
          .creator = program,
          .created = environment.started_at,
          .blocks = {}};
}

Document RunReport(const record::Series& series, const std::string& title) {
  if (series.runs.empty()) return SearchReport(series.searches, title);
  const RunPointers runs = RunsToCompare(series);
  const std::vector<ProfileRuns> sorted = Sort(runs);
  Document document = EmptyReport(series.runs.front(), title);
  Blocks& blocks = document.blocks;
  Append(VerdictSection(sorted), &blocks);
  blocks.emplace_back(Heading{"Throughput and latency"});
  blocks.push_back(ThroughputChart(sorted));
  blocks.push_back(PercentileChart(sorted));
  Append(SearchSection(series.searches, sorted), &blocks);
  Append(PhaseSection(sorted), &blocks);
  Append(BatchSection(sorted), &blocks);
  Append(AnswersSection(sorted), &blocks);
  Append(ResourceSection(sorted), &blocks);
  blocks.push_back(TimelineChart(sorted));
  Append(OutcomeSection(sorted), &blocks);
  if (runs.size() < series.runs.size()) Append(DataLoadingSections(series), &blocks);
  blocks.emplace_back(Heading{"Run by run"});
  blocks.push_back(RunTable(sorted));
  Append(LastPage(PointersTo(series.runs), {}), &blocks);
  return document;
}

}  // namespace roberta::report
