#pragma once

#include <cstdint>
#include <vector>

namespace roberta::metrics {

/// Upper bounds for times: those of gRPC's proposal A66 (OpenTelemetry metrics), in seconds.
std::vector<double> LatencySeconds();

/// Upper bounds for counts: 1, 2, 4 and so on to 8192.
std::vector<double> PowersOfTwo();

/// Upper bounds for shares: 0, 0.05, 0.1, 0.2 and so on to 0.9.
std::vector<double> Ratios();

inline double Seconds(int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) * 1e-9;
}

}  // namespace roberta::metrics
