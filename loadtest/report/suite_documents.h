#pragma once

#include <string>
#include <vector>

#include "loadtest/document/content.h"
#include "loadtest/record/run_record.h"
#include "loadtest/report/sections.h"

namespace roberta::report {

// The documents of a suite. Each takes a series that has a run.

/// One profile before and after: `names` are the baseline and it.
document::Document PairReport(const record::Series& series, const std::string& title,
                              const std::vector<std::string>& names);
/// What all optimizations are worth together, beside each alone.
document::Document IntegratedReport(const record::Series& series);
/// What ways of making batches are worth.
document::Document DataLoadingReport(const record::Series& series);
/// For a reader who knows nothing of the project: what there is, what to run and why.
document::Document SummaryReport(const record::Series& series);

/// The sections of DataLoadingReport without its verdict, a key each; nothing without runs that have a variant.
Blocks DataLoadingSections(const record::Series& series);
/// What the ways of data loading come to, in a sentence or two; empty without runs that have a variant.
std::string DataLoadingVerdict(const record::Series& series);

}  // namespace roberta::report
