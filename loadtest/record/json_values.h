#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "loadtest/runner/run_result.h"

namespace roberta::record {

using Json = nlohmann::ordered_json;

// Values that are more in JSON than a list of fields. Read throws std::exception for what Write would not have written.

/// Raw counts by each bin's lowest value, exact figures, and percentiles for readers who want no arithmetic.
Json Write(const stats::Histogram& histogram);
void Read(const Json& json, stats::Histogram& histogram);
/// Counts by the outcomes' names.
Json Write(const std::array<int64_t, stats::kOutcomes>& outcomes);
void Read(const Json& json, std::array<int64_t, stats::kOutcomes>& outcomes);
/// Counts by the codes' names.
Json Write(const std::map<absl::StatusCode, int64_t>& codes);
void Read(const Json& json, std::map<absl::StatusCode, int64_t>& codes);
Json Write(runner::End end);
void Read(const Json& json, runner::End& end);
Json Write(runner::WarmUpEnd end);
void Read(const Json& json, runner::WarmUpEnd& end);

}  // namespace roberta::record
