#pragma once

#include <string>
#include <vector>

#include "loadtest/record/run_record.h"

namespace roberta::loadtest::console {

/// The server's process and counters during a run, and whether the counters agree with the answers. Empty if the record
/// has neither these nor a reason for their absence.
std::string ServerText(const record::RunRecord& record);

/// A run for people: the load, the outcomes of the requests, rates, latencies and the server's phases.
std::string RunText(const record::RunRecord& record);

/// Many runs for people: one line per run, then every profile compared with baseline at each load. "-": not measured.
std::string SeriesText(const std::vector<record::RunRecord>& runs);

/// Searches for people: the lowest, middle and highest of the rates that were found, and their ratio to baseline's.
std::string SearchesText(const std::vector<record::RateSearch>& searches);

}  // namespace roberta::loadtest::console
