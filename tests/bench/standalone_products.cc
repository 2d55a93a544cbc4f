#include "tests/bench/standalone_products.h"

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

#include "absl/strings/str_split.h"

namespace roberta::bench {

std::vector<kernels::Precision> PrecisionsOf(std::string_view description) {
  using kernels::Precision;
  std::vector<Precision> precisions;
  for (const Precision precision :
       {Precision::kFloat32, Precision::kBFloat16, Precision::kInt8, Precision::kBFloat16Weights}) {
    for (const absl::string_view name :
         absl::StrSplit(absl::string_view(description.data(), description.size()), '+')) {
      if (std::string_view(name.data(), name.size()) == kernels::PrecisionName(precision)) {
        precisions.push_back(precision);
      }
    }
  }
  return precisions;
}

absl::StatusOr<std::unique_ptr<StandaloneProducts>> StandaloneProducts::Make(
    const checkpoint::ModelConfig& config, const std::vector<Batch>& batches,
    const std::vector<kernels::Precision>& precisions) {
  auto products = std::make_unique<StandaloneProducts>();
  for (const Batch& batch : batches) ++products->batches_[std::min(batch.computed_tokens(), kMostRows)];
  const int64_t most_rows = products->batches_.rbegin()->first;
  const int64_t hidden = config.hidden_size, neurons = config.intermediate_size;
  for (const auto& [in, out] : {std::pair(hidden, 3 * hidden), std::pair(hidden, hidden), std::pair(hidden, neurons),
                                std::pair(neurons, hidden)}) {
    Shape shape;
    absl::Status failure = absl::InvalidArgumentError("no precision to measure products in");
    for (const kernels::Precision precision : precisions) {
      auto made = kernels::LinearShape::Make(in, out, most_rows, precision);
      if (made.ok()) {
        shape.kernels.push_back(*std::move(made));
      } else {
        failure = made.status();
      }
    }
    if (shape.kernels.empty()) return failure;
    products->shapes_.push_back(std::move(shape));
  }
  return products;
}

void StandaloneProducts::Measure(int threads) {
  for (Shape& shape : shapes_) {
    for (const auto& [rows, batches] : batches_) {
      double least = std::numeric_limits<double>::infinity();
      for (const auto& kernel : shape.kernels) {
        std::vector<double> seconds(static_cast<size_t>(threads));
        std::vector<std::thread> workers;
        for (double& own : seconds) {
          workers.emplace_back([&own, &kernel, rows = rows] {
            kernels::ComputeOnCallingThreadOnly();
            own = kernels::SecondsPerProduct(kernel, rows);
          });
        }
        for (std::thread& worker : workers) worker.join();
        // The slowest thread's: all of them work at once in the encoder too.
        least = std::min(least, *std::max_element(seconds.begin(), seconds.end()));
      }
      const auto [found, is_new] = shape.least_seconds.try_emplace(rows, least);
      if (!is_new) found->second = std::min(found->second, least);
    }
  }
}

double StandaloneProducts::GopsPerThread() const {
  double operations = 0, seconds = 0;
  for (const Shape& shape : shapes_) {
    for (const auto& [rows, batches] : batches_) {
      const kernels::LinearShape& kernel = *shape.kernels.front();
      operations += 2.0 * static_cast<double>(batches * rows * kernel.in() * kernel.out());
      seconds += static_cast<double>(batches) * shape.least_seconds.at(rows);
    }
  }
  return operations / seconds / 1e9;
}

}  // namespace roberta::bench
