#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loadtest/report/presentation.h"

namespace roberta::loadtest::report {

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

}  // namespace roberta::loadtest::report
