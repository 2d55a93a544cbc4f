#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "profiles/statistics/order_statistics.h"
#include "profiles/tool/measurement.h"

namespace roberta::tool {

/// How many times as fast a profile is as another one in the same round.
struct Speedup {
  statistics::Spread latency;
  statistics::Spread throughput;
};

/// Of two profiles that ran all rounds.
Speedup SpeedupOf(const Measurement& measurement, const Measurement& before);

/// The list `profiles` of `measure --json`, with the speedup of each beside those of them that are named in `before`;
/// null where something was not measured.
nlohmann::ordered_json ToJson(const std::vector<Measurement>& measurements, const std::vector<std::string>& before);

/// For people: a table each of latency, throughput and size, and why profiles failed.
std::string MeasurementText(const std::vector<Measurement>& measurements, const std::vector<std::string>& before);

}  // namespace roberta::tool
