#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/config.h"
#include "profiles/kernels/linear.h"
#include "tests/bench/workload.h"

namespace roberta::bench {

/// The precisions that a profile's description names, as "bf16+fp32"; int8 is two of them, since both give the same
/// numbers.
std::vector<kernels::Precision> PrecisionsOf(std::string_view description);

/// How fast the products of an encoder's layer are when nothing else is done: the best kernel of some precisions for
/// each shape, the least of all measurements for each. Shapes are those of the dense model, so a pruned profile is
/// compared with products a little larger than its own; rows are those of the batches, at most kMostRows of them.
class StandaloneProducts {
 public:
  static constexpr int64_t kMostRows = 512;  ///< beyond which a product gets longer, not faster

  /// Makes the primitives. Precisions without a fast kernel here are passed over; an error if none is left.
  static absl::StatusOr<std::unique_ptr<StandaloneProducts>> Make(const checkpoint::ModelConfig& config,
                                                                  const std::vector<Batch>& batches,
                                                                  const std::vector<kernels::Precision>& precisions);

  /// Measures every product once more, on `threads` threads at once.
  void Measure(int threads);

  /// 1e9 operations a second on a thread, over all shapes and batches. Requires a Measure.
  double GopsPerThread() const;

 private:
  struct Shape {
    std::vector<std::shared_ptr<const kernels::LinearShape>> kernels;  ///< of one size, a precision each
    std::map<int64_t, double> least_seconds;                           ///< by rows
  };

  std::vector<Shape> shapes_;
  std::map<int64_t, int64_t> batches_;  ///< how many, by rows
};

}  // namespace roberta::bench
