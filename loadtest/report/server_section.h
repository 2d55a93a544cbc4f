#pragma once

#include <vector>

#include "loadtest/report/presentation.h"

namespace roberta::loadtest::report {

/// Where the time of a call goes: of a lone one, all profiles; and against the load, a chart a profile.
Blocks PhaseSection(const std::vector<ProfileRuns>& sorted);

/// What the batches held, and how much of them was padding.
Blocks BatchSection(const std::vector<ProfileRuns>& sorted);

/// Memory and CPU of the server's process.
Blocks ResourceSection(const std::vector<ProfileRuns>& sorted);

/// The server's memory in MiB and its busy cores over time: x in s since the run began.
std::vector<Point> ResidentOverTime(const RunRecord& run);
std::vector<Point> BusyCoresOverTime(const RunRecord& run);

}  // namespace roberta::loadtest::report
