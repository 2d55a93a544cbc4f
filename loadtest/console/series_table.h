#pragma once

#include <string>
#include <vector>

#include "loadtest/record/run_record.h"

namespace roberta::loadtest::console {

/// Many runs for people: one line per run, then every profile compared with baseline at each load. "-": not measured.
std::string SeriesText(const std::vector<record::RunRecord>& runs);

/// Searches for people: the lowest, middle and highest of the rates that were found, and their ratio to baseline's.
std::string SearchesText(const std::vector<record::RateSearch>& searches);

}  // namespace roberta::loadtest::console
