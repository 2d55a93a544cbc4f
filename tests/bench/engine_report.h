#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "profiles/encoder/profile.h"
#include "profiles/kernels/isa.h"

namespace roberta::bench {

/// A profile, how its batches are loaded, and what was measured of it.
struct Side {
  std::string name;
  std::string strategy;  ///< empty: packed batches of a fixed number of sequences
  std::shared_ptr<const encoder::Profile> profile;
  size_t batches = 0;
  double padding_ratio = 0;                                       ///< of the tokens that are computed
  double best_seconds = std::numeric_limits<double>::infinity();  ///< of a pass over all batches
  encoder::PartTimes times;                                       ///< of the best pass; product_macs 0 if not known
  std::optional<double> alone_gops_per_thread;                    ///< its products, nothing else being done
  std::optional<kernels::RegisterPeak> peak;                      ///< of its fastest precision
  std::map<int, double> median_seconds_of_one;                    ///< a single request, by its tokens
  std::map<int, double> median_seconds_of_one_split;              ///< the same on two threads
};

struct Workload {
  std::string build_type;
  size_t sequences = 0, tokens = 0, batch = 0;
  size_t batch_tokens = 0;  ///< of a batch, pads included, where there are strategies
  int threads = 0, passes = 0;
};

/// For people, on stdout. A side is compared with the first; with strategies, with the same profile packed.
void PrintReport(const Workload& workload, const std::vector<Side>& sides);

/// The same as one line of JSON. A figure that was not measured is not there.
std::string JsonReport(const Workload& workload, const std::vector<Side>& sides);

}  // namespace roberta::bench
