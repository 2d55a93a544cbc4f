#pragma once

// What linear.h puts together from one of several implementations. Of it, other modules call only the last two.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "profiles/kernels/isa.h"

namespace roberta::kernels {

/// A weight matrix in the layout of one Product. Immutable.
class PackedData {
 public:
  virtual ~PackedData() = default;
  virtual int64_t bytes() const = 0;
};

/// A product's operands.
struct ProductCall {
  const PackedData* weight = nullptr;  ///< of the same Product
  const void* in = nullptr;
  int64_t rows = 0;
  void* out = nullptr;
  void* scratch = nullptr;
};

/// Runs products of one Product, one at a time; made once, allocates nothing when it runs.
class ProductRunner {
 public:
  virtual ~ProductRunner() = default;
  /// As LinearRunner::RunParts.
  virtual bool Run(const ProductCall& call, size_t first_part, size_t end_part) = 0;
};

/// One way to compute out[rows, out] = in[rows, in] W^T in one precision. Immutable; any thread may call.
class Product {
 public:
  virtual ~Product() = default;
  /// The implementation in words.
  virtual const std::string& name() const = 0;
  virtual int64_t RoundedRows(int64_t rows) const = 0;
  /// As LinearShape::parts.
  virtual size_t parts() const = 0;
  virtual size_t scratch_bytes() const = 0;
  /// As LinearShape::reads_wide_bytes.
  virtual bool reads_wide_bytes() const { return false; }
  /// `values` [out, in]: int8_t where the precision is of bytes, float elsewhere.
  virtual absl::StatusOr<std::unique_ptr<PackedData>> Pack(const void* values) const = 0;
  /// A weight of zeros, for measurements.
  virtual absl::StatusOr<std::unique_ptr<PackedData>> Blank() const = 0;
  virtual std::unique_ptr<ProductRunner> MakeRunner() const = 0;
};

/// The least of some measurements of a product of `rows` rows by a weight of zeros, on the calling thread; infinite if
/// it fails. ResourceExhausted where memory is short.
absl::StatusOr<double> SecondsOf(const Product& product, int64_t in, int64_t out, int64_t rows);

/// Products by our own register tiles (tiles.h), which take any number of rows as it is: those of `isa`, or the fastest
/// of this host. Unimplemented where it has none for `precision`, or `in` values, unless they are bytes, do not fill
/// whole words.
absl::StatusOr<std::unique_ptr<const Product>> MakeTileProduct(int64_t in, int64_t out, Precision precision,
                                                               std::optional<Isa> isa);

/// Products by oneDNN: a primitive for each of `row_counts` (ascending), all made here. Internal if oneDNN has nothing
/// but its reference implementation, which is thousands of times slower, or no single weight layout for every number of
/// rows; the implementation is named. Unimplemented for bytes on x86-64 hosts without VNNI, where it would multiply
/// them in pairs whose sums saturate.
absl::StatusOr<std::unique_ptr<const Product>> MakeOneDnnProduct(int64_t in, int64_t out, Precision precision,
                                                                 std::span<const int64_t> row_counts);

/// oneDNN primitives that this process has made so far.
int64_t PrimitivesCreated();

/// The version of oneDNN that this process runs: "2.6.0".
std::string OneDnnVersion();

}  // namespace roberta::kernels
