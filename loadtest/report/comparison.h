#pragma once

#include <string>
#include <vector>

#include "loadtest/document/content.h"
#include "loadtest/record/run_record.h"
#include "loadtest/report/profile_runs.h"
#include "loadtest/report/sections.h"

namespace roberta::report {

/// Profiles that a report is to set side by side, whether they were measured or not.
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

/// What a profile is, in a sentence; empty for one that is not ours.
std::string WhatItIs(const std::string& profile);

/// A box for each profile that was not measured, with the reason.
Blocks AbsentBoxes(const Comparison& comparison);

/// A row a figure, a column a profile, and between two of them how the figure changes.
Block FiguresTable(const Comparison& comparison);

/// The first profile against the second, in words, and whether to run it.
std::string BeforeAndAfter(const Comparison& comparison, const std::string& before, const std::string& after);

/// The highest rate a search found, the median of its repeats; nothing without one of that profile.
std::optional<Spread> FoundRate(const Comparison& comparison, const std::string& profile);

}  // namespace roberta::report
