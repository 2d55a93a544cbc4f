#pragma once

#include <string>
#include <vector>

#include "loadtest/record/run_record.h"
#include "loadtest/report/presentation.h"

namespace roberta::loadtest::report {

/// The profiles that a report compares, whether they were measured or not.
struct Comparison {
  struct Absent {
    std::string profile, why;
  };
  std::vector<ProfileRuns> sorted;  ///< those that were measured, in the order asked for
  std::vector<Absent> absent;
  RunPointers runs;                                 ///< of all these
  std::vector<const record::RateSearch*> searches;  ///< of these
};

/// The runs without a variant of the profiles `names`, the first of which is what the others are compared with.
/// `series` must outlive the result.
Comparison Compare(const record::Series& series, const std::vector<std::string>& names);

/// A profile in one sentence, the server's; empty where the records have none.
std::string WhatItIs(const record::Series& series, const std::string& profile);

/// A box for each profile that was not measured, with the reason.
Blocks AbsentBoxes(const Comparison& comparison);

/// A table with a row per figure and a column per profile; for two profiles also with the change.
Block FiguresTable(const Comparison& comparison);

/// The second profile compared with the first, in words, and whether to run it.
std::string BeforeAndAfter(const Comparison& comparison, const std::string& before, const std::string& after);

/// The highest rate a search found, the median of its repeats; nothing without one of that profile.
std::optional<Spread> FoundRate(const Comparison& comparison, const std::string& profile);

}  // namespace roberta::loadtest::report
