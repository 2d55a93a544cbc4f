#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "profiles/encoder/part_times.h"
#include "profiles/encoder/profile.h"
#include "profiles/kernels/register_peak.h"

namespace roberta::bench {

/// A profile and what was measured of it.
struct Side {
  std::string name;
  std::unique_ptr<const encoder::Profile> profile;
  double best_seconds = std::numeric_limits<double>::infinity();  ///< of a pass over all batches
  encoder::PartTimes times;                                       ///< of the best pass; product_macs 0 if not known
  std::optional<double> alone_gops_per_thread;                    ///< its products, nothing else being done
  std::optional<kernels::RegisterPeak> peak;                      ///< of its fastest precision
  std::map<int, double> median_seconds_of_one;                    ///< a single request, by its tokens
};

struct Workload {
  std::string build_type;
  size_t sequences = 0, tokens = 0, batch = 0;
  int threads = 0, passes = 0;
};

/// For people, on stdout.
void PrintReport(const Workload& workload, const std::vector<Side>& sides);

/// The same as one line of JSON. A figure that was not measured is not there.
std::string JsonReport(const Workload& workload, const std::vector<Side>& sides);

}  // namespace roberta::bench
