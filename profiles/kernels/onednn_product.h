#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "profiles/kernels/product.h"

namespace roberta::kernels {

/// Products by oneDNN: a primitive for each of `row_counts` (ascending), all made here. Internal if oneDNN has nothing
/// but its reference implementation, which is thousands of times slower, or no single weight layout for every number of
/// rows; the implementation is named.
absl::StatusOr<std::unique_ptr<const Product>> MakeOneDnnProduct(int64_t in, int64_t out, Precision precision,
                                                                 std::span<const int64_t> row_counts);

/// Primitives that this process has made so far.
int64_t OneDnnPrimitivesCreated();

/// The version of oneDNN that this process runs: "2.6.0".
std::string OneDnnVersion();

}  // namespace roberta::kernels
