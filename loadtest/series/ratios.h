#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loadtest/record/run_record.h"
#include "loadtest/stats/order_statistics.h"

namespace roberta::series {

/// A profile beside baseline at one load: ratios of runs of the same turn, spread over the turns.
struct Ratios {
  std::string profile;
  bool open = false;
  double level = 0;                                         ///< requests/s, or users
  std::optional<stats::Spread> texts_per_second, p50, p99;  ///< nothing where one of the two has none
  std::optional<statistics::AccuracyDifference> accuracy;   ///< from baseline's, on the same texts
};

/// Of every profile but baseline at every load that both have complete runs of, in the order in which they appear.
std::vector<Ratios> RatiosToBaseline(const std::vector<record::RunRecord>& runs);

}  // namespace roberta::series
