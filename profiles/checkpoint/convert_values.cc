#include "profiles/checkpoint/convert_values.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "profiles/json/quoted.h"

namespace roberta::checkpoint {
namespace {

constexpr uint32_t kMagnitude = 0x7FFFFFFFu;

/// `bits` without the last `count`, rounded to nearest, ties to even.
constexpr uint32_t RoundOff(uint32_t bits, int count) {
  const uint32_t half = (1u << (count - 1)) - 1;
  return (bits + half + ((bits >> count) & 1u)) >> count;
}

/// nullopt where the value rounds to infinity.
std::optional<uint16_t> ToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = RoundOff(bits & kMagnitude, 16);
  if (rounded >= 0x7F80u) return std::nullopt;
  return static_cast<uint16_t>(rounded | ((bits >> 16) & 0x8000u));
}

std::optional<uint16_t> ToF16(float value) {
  constexpr uint32_t kRebias = (127u - 15u) << 10;
  constexpr uint32_t kLeastNormal = 0x38800000u;  // 2^-14
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & kMagnitude;
  uint32_t half = 0;
  if (magnitude < kLeastNormal) {
    // A multiple of 2^-24 is what float32 has around 1/2, so the addition rounds as it should.
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - std::bit_cast<uint32_t>(0.5f);
  } else {
    half = RoundOff(magnitude, 13) - kRebias;
  }
  if (half >= 0x7C00u) return std::nullopt;
  return static_cast<uint16_t>(half | ((bits >> 16) & 0x8000u));
}

absl::Status Unfit(const TensorView& tensor, size_t element, float value, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("tensor ", json::Quoted(tensor.name), " holds ", value, " at element ", element, why));
}

}  // namespace

absl::StatusOr<std::vector<std::byte>> ConvertValues(const TensorView& tensor, Dtype dtype) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  CopyToFloat32(tensor, absl::MakeSpan(values));
  const size_t element_bytes = DtypeBytes(dtype);
  std::vector<std::byte> converted(values.size() * element_bytes);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return Unfit(tensor, i, values[i], "");
    std::byte* const to = converted.data() + i * element_bytes;
    if (dtype == Dtype::kF32) {
      std::memcpy(to, &values[i], sizeof(float));
      continue;
    }
    const std::optional<uint16_t> half = dtype == Dtype::kF16 ? ToF16(values[i]) : ToBf16(values[i]);
    if (!half) {
      return Unfit(tensor, i, values[i], absl::StrCat(", which is too large for ", std::string(DtypeName(dtype))));
    }
    std::memcpy(to, &*half, sizeof *half);
  }
  return converted;
}

}  // namespace roberta::checkpoint
