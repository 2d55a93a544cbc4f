#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace roberta::loadtest::workload {

/// When requests are to be sent, whatever becomes of earlier ones: the arrivals of an open loop. Each call gives the
/// time of the next request, in ns since the run began and never smaller than the last one; nullopt: there is no next.
using Arrivals = std::function<std::optional<int64_t>()>;

/// From 0 on, `rate` a second at equal distances. `rate` is positive.
Arrivals ConstantArrivals(double rate);

/// A Poisson process: `rate` a second on average, distances exponentially distributed and independent of each other;
/// what many users who know nothing of each other make. The same for the same seed.
Arrivals PoissonArrivals(double rate, uint64_t seed);

/// After each of `intervals_ns` (not negative) one, once through. For recorded traffic.
Arrivals RecordedArrivals(std::vector<int64_t> intervals_ns);

/// Milliseconds, one a line, between one request and the next. InvalidArgument, naming file and line, if one is no
/// number from 0 to an hour, or there is none; NotFound if the file cannot be read.
absl::StatusOr<std::vector<int64_t>> ReadIntervals(const std::string& file);

}  // namespace roberta::loadtest::workload
