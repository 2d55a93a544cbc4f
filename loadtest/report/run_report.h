#pragma once

#include <string>
#include <vector>

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

}  // namespace roberta::loadtest::report
