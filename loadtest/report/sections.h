#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loadtest/record/run_record.h"
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

/// A profile's figures at each of its loads, from what `x` and `y` make of the repeats: a line through the closed
/// loop's, and hollow marks, which the legend leaves out, for an open one's beside it. `interval`: with the lowest and
/// the highest of the repeats.
std::vector<document::Series> SeriesOverLoads(const ProfileRuns& runs, const RunFigure& x, const RunFigure& y,
                                              bool interval);

/// What to say of them, beginning with a space; empty if there are none.
std::string HollowMarksText(const std::vector<ProfileRuns>& sorted);

/// Throughput against p99, at every load.
Block ThroughputChart(const std::vector<ProfileRuns>& sorted);

/// Latency by percentile, at the load that all share or at each one's highest rate.
Block PercentileChart(const std::vector<ProfileRuns>& sorted);

/// Answers in each second of the run, the warm-up included.
Block TimelineChart(const std::vector<ProfileRuns>& sorted);

/// All runs: load, rates, latencies by both clocks.
Block RunTable(const std::vector<ProfileRuns>& sorted);

struct Bar {
  std::string name;
  document::Color color;
  std::optional<Spread> spread;  ///< its height and its interval
};
BarChart BarsOf(const std::vector<Bar>& bars, const std::string& y_label);

/// Bars with intervals, half as wide: texts/s at full load, and p99 at the load that all share.
Block RateBars(const std::vector<ProfileRuns>& sorted);

Block LatencyBars(const std::vector<ProfileRuns>& sorted);
Block WeightBars(const std::vector<ProfileRuns>& sorted);  ///< MiB of weights

/// The outcomes of the requests, by gRPC code.
Blocks OutcomeSection(const std::vector<ProfileRuns>& sorted);

/// The highest rates that kept an objective. `sorted` gives profiles their looks; it may lack some, or be empty.
/// Nothing without searches.
Blocks SearchSection(const std::vector<record::RateSearch>& searches, const std::vector<ProfileRuns>& sorted);

/// Where the time of a call goes: of a lone one, all profiles; and against the load, a chart a profile.
Blocks PhaseSection(const std::vector<ProfileRuns>& sorted);

/// What the batches held, and how much of them was padding.
Blocks BatchSection(const std::vector<ProfileRuns>& sorted);

/// Memory and CPU of the server's process.
Blocks ResourceSection(const std::vector<ProfileRuns>& sorted);

/// The server's memory in MiB and its busy cores over time: x in s since the run began.
std::vector<Point> ResidentOverTime(const RunRecord& run);
std::vector<Point> BusyCoresOverTime(const RunRecord& run);

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
