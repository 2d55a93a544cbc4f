#pragma once

#include <string>
#include <vector>

#include "loadtest/document/content.h"
#include "loadtest/record/run_record.h"
#include "loadtest/report/presentation.h"

namespace roberta::loadtest::report {

/// A report on runs that may differ in profile, variant, load, machine, model or version, and on searches: the verdict
/// first, then what it rests on, and last where and how it was measured. Runs that broke off or whose client was the
/// bottleneck are marked. Of searches alone it says what they found.
document::Document RunReport(const record::Series& series, const std::string& title);

/// A document without blocks: title, where it was measured, metadata.
document::Document EmptyReport(const record::RunRecord& run, const std::string& title);

/// Where and how it was measured, from the top of a page; `more` are further sentences on the method.
Blocks LastPage(const RunPointers& runs, const std::vector<std::string>& more);

struct NamedDocument {
  std::string name;  ///< of its file: "quantization_performance.pdf"
  document::Document document;
};

/// The six documents of a suite, all of one series: what each profile is worth beside the baseline, what ways of data
/// loading are worth, and a summary. Runs without a variant compare profiles; those with one, "<key> <value>", ways of
/// data loading. A profile or a key without runs stands as not measured, with the reason. There must be a run.
std::vector<NamedDocument> SuiteReports(const record::Series& series);

/// A setting of data loading of which runs have tried several values.
struct LoadingKey {
  std::string name;           ///< "strategy"
  std::string default_value;  ///< empty: not known
  std::string what;           ///< it is, in a sentence
};
/// Those that a suite tries, in their order.
const std::vector<LoadingKey>& LoadingKeys();

/// Runs of one profile that differ in the value of one key.
struct LoadingTrial {
  LoadingKey key;
  std::string profile;
  std::vector<ProfileRuns> values;  ///< their labels are the values; not empty
};
/// A trial for each key and profile that `series`, which must outlive the result, has runs of: known keys first.
std::vector<LoadingTrial> LoadingTrials(const record::Series& series);

/// The result of a trial.
struct LoadingVerdict {
  const ProfileRuns* best = nullptr;  ///< the value to set; nullptr: nothing was answered
  bool matters = false;               ///< the values differ by more than the repeats do
  std::string text;                   ///< in sentences
};
/// Among the values that reach at least this share of the most texts a second, the one with the lowest p99 is best; the
/// default if none has a p99 that is lower by more than this.
inline constexpr double kNearlyAsMany = 0.97;
LoadingVerdict JudgeLoading(const LoadingTrial& trial);

/// The report on ways of data loading.
document::Document DataLoadingReport(const record::Series& series);

/// The sections of DataLoadingReport without its verdict, a key each; nothing without runs that have a variant.
Blocks DataLoadingSections(const record::Series& series);

/// What the ways of data loading come to, in a sentence or two; empty without runs that have a variant.
std::string DataLoadingVerdict(const record::Series& series);

}  // namespace roberta::loadtest::report
