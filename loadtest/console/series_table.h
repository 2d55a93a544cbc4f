#pragma once

#include <string>
#include <vector>

#include "loadtest/record/run_record.h"

namespace roberta::console {

/// Many runs for people: a line each, then every profile beside baseline at each load. What was not measured is "-".
std::string SeriesText(const std::vector<record::RunRecord>& runs);

/// Searches for people: the lowest, middle and highest of the rates that were found, and their ratio to baseline's.
std::string SearchesText(const std::vector<record::RateSearch>& searches);

}  // namespace roberta::console
