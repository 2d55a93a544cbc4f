#pragma once

#include <string>
#include <vector>

#include "loadtest/document/content.h"
#include "loadtest/record/run_record.h"

namespace roberta::loadtest::report {

struct NamedDocument {
  std::string name;  ///< of its file: "quantization_performance.pdf"
  document::Document document;
};

/// The six documents of a suite, all of one series: what each profile is worth beside the baseline, what ways of data
/// loading are worth, and a summary. Runs without a variant compare profiles; those with one, "<key> <value>", ways of
/// data loading. A profile or a key without runs stands as not measured, with the reason. There must be a run.
std::vector<NamedDocument> SuiteReports(const record::Series& series);

}  // namespace roberta::loadtest::report
