#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "profiles/quality/sample.h"
#include "profiles/registry/profile_loader.h"
#include "profiles/registry/recipes.h"
#include "profiles/statistics/statistics.h"
#include "profiles/terminal/terminal.h"

namespace roberta::tool {

/// What a profile did in one round. Tokenizing is not part of it.
struct Round {
  double latency_p50_ms = 0;  ///< over the texts, each run alone, on one thread
  double latency_p95_ms = 0;
  double texts_per_second = 0;  ///< all texts in batches, on all threads
  double tokens_per_second = 0;
};

/// How large and how fast a profile is.
struct Measurement {
  std::string name;
  absl::Status status;                      ///< why it could not be loaded or run; what follows is then unset
  std::string precision;                    ///< as the profile says
  uint64_t bytes_on_disk = 0;               ///< of the weights' files that it was made of
  int64_t weight_bytes = 0;                 ///< memory of its weights, as the profile says
  std::optional<int64_t> rss_growth_bytes;  ///< of the process, by loading it and running all texts once
  std::vector<Round> rounds;                ///< those of one index ran one after another
};

struct MeasureSettings {
  size_t rounds = 7;
  size_t threads = 1;
};

/// Loads all profiles as a server would, and runs each over the texts in every round, in an order that moves on by one
/// from round to round. One that fails is left out from then on.
std::vector<Measurement> Measure(const registry::Model& model, const quality::TokenizedSample& texts,
                                 const std::vector<std::string>& names, const MeasureSettings& settings,
                                 const std::vector<registry::Recipe>& recipes, terminal::ProgressBar* progress);

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
