#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/types/span.h"

namespace roberta::checkpoint {

/// A 64-bit hash of bytes that is the same in every process and on every machine, at the speed of memory. Chain calls
/// through `seed` to hash a sequence: lengths are part of the hash, so ("ab", "c") and ("a", "bc") differ. It
/// distinguishes versions; it does not resist someone who constructs collisions.
uint64_t ContentHash(absl::Span<const std::byte> bytes, uint64_t seed);
uint64_t ContentHash(std::string_view text, uint64_t seed);

}  // namespace roberta::checkpoint
