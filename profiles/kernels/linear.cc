#include "profiles/kernels/linear.h"

#include <dlfcn.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <compare>
#include <limits>
#include <map>
#include <mutex>
#include <optional>

#include "profiles/errors/errors.h"
#include "profiles/kernels/aligned_buffer.h"

namespace roberta::kernels {
namespace {

/// What a later precision must gain over an earlier one to be taken, and oneDNN over our tiles, which round no rows up.
constexpr double kWorthwhile = 0.95;

/// What weights stored as bfloat16 may lose with many rows.
constexpr double kHardlySlower = 0.98;

/// Rows of the products by which backends are compared: enough for each to reach its speed.
constexpr int64_t kProbeRows = 128;

/// Numbers of rows that get a primitive of oneDNN: steps of 16 up to 256, 32 up to 512, then 64.
std::vector<int64_t> RowCounts(int64_t max_rows) {
  std::vector<int64_t> counts;
  for (int64_t rows = 16; counts.empty() || counts.back() < max_rows; rows += rows < 256 ? 16 : rows < 512 ? 32 : 64) {
    counts.push_back(rows);
  }
  return counts;
}

/// A weight in bytes, symmetric, one scale a row.
struct Quantized {
  std::vector<int8_t> bytes;  ///< [out, in]
  std::vector<float> scales;  ///< [out]
  std::vector<int32_t> sums;  ///< [out] of each row's bytes
};

/// The loops are such that compilers make vectors of them. Magnitudes of floats are in the order of their bits.
Quantized Quantize(absl::Span<const float> weight, int64_t in, int64_t out) {
  constexpr float kMost = 127.0f;
  // The sum with it has the nearest whole number, ties to even, in its last bits.
  constexpr float kRounding = 0x1.8p23f;
  const auto rows = static_cast<size_t>(out), columns = static_cast<size_t>(in);
  Quantized quantized = {std::vector<int8_t>(weight.size()), std::vector<float>(rows), std::vector<int32_t>(rows)};
  for (size_t row = 0; row < rows; ++row) {
    const float* const values = weight.data() + row * columns;
    int32_t largest_bits = 0;
    for (size_t k = 0; k < columns; ++k) {
      largest_bits = std::max(largest_bits, std::bit_cast<int32_t>(values[k]) & 0x7FFFFFFF);
    }
    const auto largest = std::bit_cast<float>(largest_bits);
    quantized.scales[row] = largest / kMost;
    const float factor = largest > 0 ? kMost / largest : 0;
    int8_t* const bytes = quantized.bytes.data() + row * columns;
    int32_t sum = 0;
    for (size_t k = 0; k < columns; ++k) {
      const uint32_t rounded =
          std::bit_cast<uint32_t>(values[k] * factor + kRounding) - std::bit_cast<uint32_t>(kRounding);
      const auto byte = static_cast<int8_t>(rounded);
      bytes[k] = byte;
      sum += byte;
    }
    quantized.sums[row] = sum;
  }
  return quantized;
}

using MadeProduct = absl::StatusOr<std::unique_ptr<const Product>>;

MadeProduct MakeProduct(int64_t in, int64_t out, Precision precision, Backend backend,
                        const std::vector<int64_t>& row_counts, std::optional<Isa> tiles = std::nullopt) {
  ComputeOnCallingThreadOnly();
  if (backend == Backend::kTiles) return MakeTileProduct(in, out, precision, tiles);
  return MakeOneDnnProduct(in, out, precision, row_counts);
}

/// The fastest backend for a shape, and how fast it was.
struct Choice {
  absl::Status status;  ///< why there is none
  Backend backend = Backend::kOneDnn;
  double seconds = std::numeric_limits<double>::infinity();  ///< for kProbeRows rows
};

Choice Measure(int64_t in, int64_t out, Precision precision) {
  Choice best;
  for (const Backend backend : {Backend::kTiles, Backend::kOneDnn}) {
    const MadeProduct product = MakeProduct(in, out, precision, backend, {kProbeRows});
    const absl::StatusOr<double> seconds =
        product.ok() ? SecondsOf(**product, in, out, kProbeRows) : absl::StatusOr<double>(product.status());
    if (!seconds.ok()) {
      // Of several reasons the last one that is no mere lack of a kernel says most, unless memory is all that lacks.
      if (best.status.ok() || absl::IsUnimplemented(best.status)) best.status = seconds.status();
      continue;
    }
    const bool is_first = std::isinf(best.seconds);
    if (*seconds < best.seconds * (is_first ? 1 : kWorthwhile)) {
      best.backend = backend;
      best.seconds = *seconds;
    }
  }
  if (!std::isinf(best.seconds)) best.status = absl::OkStatus();
  return best;
}

/// Measured once for the process: profiles share most of their shapes.
Choice FastestBackend(int64_t in, int64_t out, Precision precision) {
  struct Key {
    int64_t in, out;
    Precision precision;
    auto operator<=>(const Key&) const = default;
  };
  static std::mutex mutex;
  static std::map<Key, Choice>* const choices = new std::map<Key, Choice>;
  const std::lock_guard lock(mutex);
  const auto found = choices->find({in, out, precision});
  if (found != choices->end()) return found->second;
  const Choice choice = Measure(in, out, precision);
  // There may be memory another time.
  if (!absl::IsResourceExhausted(choice.status)) choices->emplace(Key{in, out, precision}, choice);
  return choice;
}

/// Seconds for a few rows by weights of which no cache holds all, [kStreamed][in, out]; infinite if that fails.
double SecondsOfStream(Precision precision) {
  constexpr int64_t kIn = 768, kOut = 3072, kRows = 8;
  constexpr size_t kStreamed = 8;  // 75 MB of float32
  const MadeProduct product = MakeProduct(kIn, kOut, precision, Backend::kTiles, {});
  if (!product.ok()) return std::numeric_limits<double>::infinity();
  std::vector<std::unique_ptr<PackedData>> weights;
  for (size_t i = 0; i < kStreamed; ++i) {
    auto weight = (*product)->Blank();
    if (!weight.ok()) return std::numeric_limits<double>::infinity();
    weights.push_back(*std::move(weight));
  }
  const AlignedBuffer<float> from(kRows * kIn);
  AlignedBuffer<float> to(kRows * kOut);
  const std::unique_ptr<ProductRunner> runner = (*product)->MakeRunner();
  return LeastSeconds(3, [&] {
    for (const auto& weight : weights) {
      runner->Run({weight.get(), from.data(), kRows, to.data(), nullptr}, 0, (*product)->parts());
    }
    return true;
  });
}

/// Whether few rows gain by weights that are stored as bfloat16. Measured once for the process.
bool BFloat16WeightsPay() {
  static const bool pay =
      SecondsOfStream(Precision::kBFloat16Weights) < kWorthwhile * SecondsOfStream(Precision::kFloat32);
  return pay;
}

}  // namespace

absl::StatusOr<double> SecondsOf(const Product& product, int64_t in, int64_t out, int64_t rows) {
  constexpr int kMostRounds = 5;
  ASSIGN_OR_RETURN(const auto weight, product.Blank());
  const auto rounded = static_cast<size_t>(product.RoundedRows(rows));
  AlignedBuffer<float> from(rounded * static_cast<size_t>(in)), to(rounded * static_cast<size_t>(out));
  AlignedBuffer<unsigned char> scratch(product.scratch_bytes());
  const std::unique_ptr<ProductRunner> runner = product.MakeRunner();
  return LeastSeconds(kMostRounds, [&] {
    return runner->Run({weight.get(), from.data(), rows, to.data(), scratch.data()}, 0, product.parts());
  });
}

absl::StatusOr<std::shared_ptr<const LinearShape>> LinearShape::Make(int64_t in, int64_t out, int64_t max_rows,
                                                                     Precision precision, Backend backend,
                                                                     std::optional<Isa> tiles) {
  double gops = 0;
  if (backend == Backend::kFastest) {
    const Choice choice = FastestBackend(in, out, precision);
    if (!choice.status.ok()) return choice.status;
    backend = choice.backend;
    gops = 2e-9 * static_cast<double>(in) * static_cast<double>(out) * static_cast<double>(kProbeRows) / choice.seconds;
  }
  ASSIGN_OR_RETURN(auto product, MakeProduct(in, out, precision, backend, RowCounts(max_rows), tiles));
  return std::shared_ptr<const LinearShape>(new LinearShape(in, out, precision, gops, std::move(product)));
}

absl::StatusOr<PackedWeight> LinearShape::Pack(absl::Span<const float> weight) const {
  ComputeOnCallingThreadOnly();
  if (weight.size() != static_cast<size_t>(in_ * out_)) {
    return errors::InvalidArgument(weight.size(), " weights for a product of ", in_, " to ", out_, " columns");
  }
  if (precision_ != Precision::kInt8) {
    ASSIGN_OR_RETURN(auto data, product_->Pack(weight.data()));
    return PackedWeight(std::move(data), {}, {});
  }
  Quantized quantized = Quantize(weight, in_, out_);
  ASSIGN_OR_RETURN(auto data, product_->Pack(quantized.bytes.data()));
  return PackedWeight(std::move(data), std::move(quantized.scales), std::move(quantized.sums));
}

double SecondsPerProduct(const std::shared_ptr<const LinearShape>& shape, int64_t rows) {
  const auto seconds = SecondsOf(*shape->product_, shape->in(), shape->out(), rows);
  return seconds.ok() ? *seconds : std::numeric_limits<double>::infinity();
}

absl::StatusOr<Precision> LinearShape::Fastest(int64_t in, int64_t out, absl::Span<const Precision> candidates) {
  if (candidates.size() == 1) return candidates.front();
  std::optional<Precision> best;
  double least = std::numeric_limits<double>::infinity();
  absl::Status failure;
  bool may_store_bfloat16 = false;
  for (const Precision candidate : candidates) {
    if (candidate == Precision::kBFloat16Weights) {
      may_store_bfloat16 = true;
      continue;
    }
    const Choice choice = FastestBackend(in, out, candidate);
    failure.Update(choice.status);
    if (!choice.status.ok()) continue;
    if (choice.seconds < least * (best ? kWorthwhile : 1)) {
      least = choice.seconds;
      best = candidate;
    }
  }
  if (!best) return failure;
  if (may_store_bfloat16 && *best == Precision::kFloat32) {
    // For few rows it gains by what need not be read; many rows must not lose by what is widened.
    const Choice stored = FastestBackend(in, out, Precision::kBFloat16Weights);
    if (stored.status.ok() && stored.seconds * kHardlySlower <= least && BFloat16WeightsPay()) {
      return Precision::kBFloat16Weights;
    }
  }
  return *best;
}

void ComputeOnCallingThreadOnly() {
  // The distribution's oneDNN works with OpenMP, whose number of threads is a setting of each calling thread.
  static const auto set_threads = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  static thread_local const bool set = [] {
    if (set_threads != nullptr) set_threads(1);
    return true;
  }();
  static_cast<void>(set);
}

}  // namespace roberta::kernels
