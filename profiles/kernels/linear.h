#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/kernels/isa.h"
#include "profiles/kernels/product.h"

namespace roberta::kernels {

class LinearShape;

/// A weight matrix in the layout that its shape's kernels want. Immutable.
class PackedWeight {
 public:
  int64_t bytes() const { return data_->bytes(); }

  /// For int8: [out] what an int32 of the product's column stands for, times its row's scale. Symmetric, one scale for
  /// each output channel: the largest weight becomes 127. nullptr for others.
  const float* column_scale() const { return column_scale_.empty() ? nullptr : column_scale_.data(); }

  /// For int8: [out] the sum of the column's weights in bytes, which times its zero point is what a row of activations
  /// has too much. nullptr for others.
  const int32_t* column_sum() const { return column_sum_.empty() ? nullptr : column_sum_.data(); }

 private:
  friend class LinearShape;
  friend class LinearRunner;
  PackedWeight(std::unique_ptr<const PackedData> data, std::vector<float> column_scale, std::vector<int32_t> column_sum)
      : data_(std::move(data)), column_scale_(std::move(column_scale)), column_sum_(std::move(column_sum)) {}

  std::unique_ptr<const PackedData> data_;
  std::vector<float> column_scale_;
  std::vector<int32_t> column_sum_;
};

/// What computes a product.
enum class Backend {
  kFastest,  ///< of the others the one that a measurement at load finds faster on this host for this shape
  kTiles,    ///< our own register tiles (tiles.h)
  kOneDnn,   ///< oneDNN: a primitive for each number of rows, rounded up
};

/// The matrix products of one shape, out[rows, out] = in[rows, in] W^T. All that it needs is made here, nothing later.
/// Immutable and shared by all layers of that shape and all threads.
class LinearShape {
 public:
  /// For products of up to `max_rows` rows. `tiles` says of which instruction set kTiles shall be; by default the
  /// fastest. Unimplemented if the backend asked for does not have them on this host; Internal as MakeOneDnnProduct
  /// says.
  static absl::StatusOr<std::shared_ptr<const LinearShape>> Make(int64_t in, int64_t out, int64_t max_rows,
                                                                 Precision precision = Precision::kFloat32,
                                                                 Backend backend = Backend::kFastest,
                                                                 std::optional<Isa> tiles = std::nullopt);

  /// The candidate whose products run fastest on this host, by a measurement of a few milliseconds, made once for each
  /// shape in a process; a later one of `candidates` (which must not be empty) must be faster by 5 %. Where float32 is
  /// the fastest, kBFloat16Weights replace it if few rows gain by that and many do not lose.
  static absl::StatusOr<Precision> Fastest(int64_t in, int64_t out, absl::Span<const Precision> candidates);

  /// Packs `weight` [out, in], which need not live on.
  absl::StatusOr<PackedWeight> Pack(absl::Span<const float> weight) const;

  Precision precision() const { return precision_; }
  /// The implementation in words, as "tiles avx512_vnni" or "oneDNN brg:avx512_core".
  const std::string& implementation() const { return product_->name(); }
  /// Billions of operations (two a multiply-accumulate) a second that one thread reached with products of this shape
  /// when the backend was chosen; 0 where there was no choice, and so no measurement.
  double measured_gops() const { return measured_gops_; }
  int64_t in() const { return in_; }
  int64_t out() const { return out_; }

  /// Rows that the buffers must have for `rows` (at most max_rows) to be computed: with oneDNN the next number that has
  /// a primitive.
  int64_t RoundedRows(int64_t rows) const { return product_->RoundedRows(rows); }
  /// Groups of columns, at least one, that several threads may compute at the same time. What is computed of a column
  /// is the same to the bit, however they are shared out.
  size_t parts() const { return product_->parts(); }
  size_t scratch_bytes() const { return product_->scratch_bytes(); }
  /// For int8: rows are bytes that take 16 bits each.
  bool reads_wide_bytes() const { return product_->reads_wide_bytes(); }

 private:
  friend class LinearRunner;
  friend double SecondsPerProduct(const std::shared_ptr<const LinearShape>& shape, int64_t rows);
  LinearShape(int64_t in, int64_t out, Precision precision, double gops, std::unique_ptr<const Product> product)
      : in_(in), out_(out), precision_(precision), measured_gops_(gops), product_(std::move(product)) {}

  const int64_t in_, out_;
  const Precision precision_;
  const double measured_gops_;
  const std::unique_ptr<const Product> product_;
};

/// What it takes to run products of one shape, one at a time; makes all its handles at once.
class LinearRunner {
 public:
  explicit LinearRunner(std::shared_ptr<const LinearShape> shape)
      : shape_(std::move(shape)), runner_(shape_->product_->MakeRunner()) {}

  /// out = in W^T, in and out of the types that the shape's precision has. `in` and `out` must have
  /// room for RoundedRows(rows) rows (those beyond `rows` are read and written, and mean nothing), and `in` for 64
  /// bytes more, which an AlignedBuffer has; `scratch` for shape's scratch_bytes(). Allocates nothing of its own. False
  /// if oneDNN failed.
  bool Run(const PackedWeight& weight, const void* in, int64_t rows, void* out, void* scratch) {
    return RunParts(weight, in, rows, out, scratch, 0, shape_->parts());
  }

  /// As Run, of the parts [first, end) alone. Different threads may compute different parts of one product at once.
  bool RunParts(const PackedWeight& weight, const void* in, int64_t rows, void* out, void* scratch, size_t first,
                size_t end) {
    return runner_->Run({weight.data_.get(), in, rows, out, scratch}, first, end);
  }

 private:
  std::shared_ptr<const LinearShape> shape_;
  std::unique_ptr<ProductRunner> runner_;
};

/// The least of some measurements of one product of that many rows, of this thread alone; infinite if it fails.
double SecondsPerProduct(const std::shared_ptr<const LinearShape>& shape, int64_t rows);

/// Makes oneDNN run on the calling thread alone. Cheap after a thread's first call.
void ComputeOnCallingThreadOnly();

}  // namespace roberta::kernels
