#pragma once

#include <string>
#include <vector>

#include "loadtest/record/run_record.h"

namespace roberta::loadtest::record {

/// Holds what a server's answers said of themselves against what its counters grew by: as many answers, and in each
/// phase as much time. A sentence for each gap of more than 2 %. Counters are of all callers, warm-up included, and of
/// calls that were not answered too: where there were such calls, more time is not a gap. Nothing if the counters are
/// missing.
std::vector<std::string> ServerGaps(const runner::RunResult& result, const ServerCounters& counters);

}  // namespace roberta::loadtest::record
