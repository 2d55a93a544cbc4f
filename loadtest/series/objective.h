#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "loadtest/record/run_record.h"

namespace roberta::series {

/// A service level objective: a quantile of the latency, and what it must keep below.
struct Objective {
  double quantile = 0.99;
  double latency_ms = 0;
};

/// "p99=50ms": p50, p90, p95, p99 or p99.9; us, ms or s. InvalidArgument for anything else, and for times that are not
/// from 1 us to an hour.
absl::StatusOr<Objective> ParseObjective(std::string_view text);

/// "p99 of 50 ms".
std::string ObjectiveText(const Objective& objective);

/// What a run at one rate came to.
struct Probe {
  double latency_ms = 0;  ///< at the objective's quantile; 0: nothing was answered
  double good_ratio = 0;  ///< answered within the objective, of what was due
  bool kept = false;      ///< the quantile kept below the objective, and the ratio was at least what it must be
};

/// Judges `result`, which must have counted as good what was answered within the objective. Requests that were due and
/// not sent are not good.
Probe Judge(const runner::RunResult& result, const Objective& objective, double least_good_ratio);

}  // namespace roberta::series
