#pragma once

#include <vector>

#include "loadtest/report/presentation.h"

namespace roberta::loadtest::report {

// Sections take runs that must not be empty and begin with their heading; what was not measured stands in them with the
// reason.

/// A box for each kind of trouble: runs that broke off, runs that measured the client.
Blocks Warnings(const std::vector<ProfileRuns>& sorted);

/// The recommendation, each profile in words, and a row a profile of figures.
Blocks VerdictSection(const std::vector<ProfileRuns>& sorted);

/// Each profile in words, a row each.
Block WordsTable(const std::vector<ProfileRuns>& sorted);

/// A row a profile: rate, speed-up, latency, quality, and whether it may be recommended.
Block VerdictTable(const std::vector<ProfileRuns>& sorted);

}  // namespace roberta::loadtest::report
