#pragma once

#include <string>
#include <vector>

#include "loadtest/document/content.h"
#include "loadtest/record/run_record.h"
#include "loadtest/report/answers.h"
#include "loadtest/report/profile_runs.h"

namespace roberta::report {

using document::Block;
using Blocks = std::vector<Block>;

// What reports are made of. Each takes runs that must not be empty. A section begins with its heading; what was not
// measured stands in it with the reason.

void Append(Blocks more, Blocks* blocks);

/// Without the columns in which no row has anything.
document::Table WithoutEmptyColumns(const document::Table& table);

/// The median, and below it the lowest and the highest where they differ.
document::Cell RangeCell(const Spread& spread, int decimals, bool strong);

/// A profile's points of accuracy from baseline, with their interval below; empty for baseline.
document::Cell DifferenceCell(const Answers& answers, bool is_baseline);

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

/// The highest rates that kept an objective. `sorted` gives profiles their looks; it may lack some, or be empty.
/// Nothing without searches.
Blocks SearchSection(const std::vector<record::RateSearch>& searches, const std::vector<ProfileRuns>& sorted);
/// Where the time of a call goes: of a lone one, all profiles; and against the load, a chart a profile.
Blocks PhaseSection(const std::vector<ProfileRuns>& sorted);
/// Of a lone call, or at the load that all share.
Block PhaseChart(const std::vector<ProfileRuns>& sorted);
/// What the batches held, and how much of them was padding.
Blocks BatchSection(const std::vector<ProfileRuns>& sorted);
/// Bars with intervals, half as wide: texts/s at full load, and p99 at the load that all share.
Block RateBars(const std::vector<ProfileRuns>& sorted);
Block LatencyBars(const std::vector<ProfileRuns>& sorted);
Block WeightBars(const std::vector<ProfileRuns>& sorted);  ///< MiB of weights
/// Accuracy, agreement, flips, calibration.
Blocks AnswersSection(const std::vector<ProfileRuns>& sorted);
Block AccuracyChart(const std::vector<ProfileRuns>& sorted);  ///< half as wide
/// Memory and CPU of the server's process.
Blocks ResourceSection(const std::vector<ProfileRuns>& sorted);
/// What became of the requests, by gRPC code.
Blocks OutcomeSection(const std::vector<ProfileRuns>& sorted);

/// Where and how it was measured, from the top of a page; `more` are further sentences on the method.
Blocks LastPage(const RunPointers& runs, const std::vector<std::string>& more);

/// "Not measured: " and why, of the reasons that `reason_of` finds in the runs; nothing if it finds none.
Blocks MissingNote(const std::vector<ProfileRuns>& sorted, std::string (*reason_of)(const record::RunRecord&));

}  // namespace roberta::report
