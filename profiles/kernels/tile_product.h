#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "profiles/kernels/product.h"

namespace roberta::kernels {

/// Products by our own register tiles (tiles.h), which take any number of rows as it is. Unimplemented where this host
/// has no tiles for `precision`, or `in` values do not fill whole 32-bit words.
absl::StatusOr<std::unique_ptr<const Product>> MakeTileProduct(int64_t in, int64_t out, Precision precision);

}  // namespace roberta::kernels
