#pragma once

#include <vector>

#include "loadtest/record/run_record.h"
#include "loadtest/report/presentation.h"

namespace roberta::loadtest::report {

/// The outcomes of the requests, by gRPC code.
Blocks OutcomeSection(const std::vector<ProfileRuns>& sorted);

/// The highest rates that kept an objective. `sorted` gives profiles their looks; it may lack some, or be empty.
/// Nothing without searches.
Blocks SearchSection(const std::vector<record::RateSearch>& searches, const std::vector<ProfileRuns>& sorted);

}  // namespace roberta::loadtest::report
