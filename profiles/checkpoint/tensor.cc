#include "profiles/checkpoint/tensor.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>

#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"

namespace roberta::checkpoint {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian and is read in place");

struct DtypeRow {
  std::string_view name;
  size_t bits;
};
/// By Dtype.
constexpr DtypeRow kDtypes[] = {{"F32", 32},    {"F16", 16},    {"BF16", 16},       {"F64", 64},        {"I64", 64},
                                {"I32", 32},    {"I16", 16},    {"I8", 8},          {"U64", 64},        {"U32", 32},
                                {"U16", 16},    {"U8", 8},      {"BOOL", 8},        {"C64", 64},        {"F8_E4M3", 8},
                                {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6},
                                {"F6_E3M2", 6}, {"F4", 4}};

const DtypeRow& RowOf(Dtype dtype) {
  return kDtypes[static_cast<size_t>(dtype)];
}

float Bf16ToFloat32(uint16_t half) {
  return std::bit_cast<float>(static_cast<uint32_t>(half) << 16);
}

/// IEEE 754 binary16 has 5 exponent bits (bias 15) and 10 of mantissa; binary32 has 8 (bias 127) and 23.
float F16ToFloat32(uint16_t half) {
  constexpr uint32_t kRebias = (127u - 15u) << 23;
  const uint32_t magnitude = half & 0x7FFFu;
  const uint32_t normal = (magnitude << 13) + kRebias;
  const uint32_t infinity_or_nan = normal + kRebias;  // exponent 31 becomes 255
  // Subnormals are multiples of 2^-24; as float32 they are normal, so flushing modes do not touch them.
  const uint32_t subnormal = std::bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  uint32_t bits = magnitude >= 0x7C00u ? infinity_or_nan : normal;
  bits = magnitude < 0x0400u ? subnormal : bits;
  return std::bit_cast<float>(bits | (static_cast<uint32_t>(half & 0x8000u) << 16));
}

template <typename Stored, typename Convert>
void ConvertEach(const std::byte* in, absl::Span<float> out, Convert convert) {
  float* to = out.data();
  const size_t count = out.size();
  for (size_t i = 0; i < count; ++i) {
    Stored value;
    std::memcpy(&value, in + i * sizeof value, sizeof value);  // the data of a file need not be aligned
    to[i] = convert(value);
  }
}

/// Aborts, naming `what`, unless `bytes` of `dtype` are that many floats.
void CheckCopy(const char* what, Dtype dtype, size_t bytes, size_t floats) {
  if (floats * DtypeBytes(dtype) == bytes && IsFloat(dtype)) return;
  std::fprintf(stderr, "CopyToFloat32: %s has %zu bytes of another dtype or size than the %zu floats asked for\n", what,
               bytes, floats);
  std::abort();
}

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
  return errors::InvalidArgument("tensor ", json::Quoted(tensor.name), " holds ", value, " at element ", element, why);
}

}  // namespace

bool IsFloat(Dtype dtype) {
  return dtype <= Dtype::kF64;
}
size_t DtypeBytes(Dtype dtype) {
  return RowOf(dtype).bits / 8;
}
std::string_view DtypeName(Dtype dtype) {
  return RowOf(dtype).name;
}

std::optional<Dtype> DtypeFromName(std::string_view name) {
  const auto found =
      std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const auto& row) { return row.name == name; });
  if (found == std::end(kDtypes)) return std::nullopt;
  return static_cast<Dtype>(found - kDtypes);
}

int64_t ElementsOf(absl::Span<const int64_t> shape) {
  int64_t product = 1;
  for (const int64_t dimension : shape) product *= dimension;
  return product;
}

std::optional<uint64_t> ShapeBytes(Dtype dtype, absl::Span<const int64_t> shape) {
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  uint64_t product = RowOf(dtype).bits;
  bool empty = false;
  for (const int64_t dimension : shape) {
    if (dimension < 0) return std::nullopt;
    if (dimension == 0) {
      empty = true;  // the product of the others must fit nonetheless: elements() multiplies them in any order
    } else if (product > kMost / static_cast<uint64_t>(dimension)) {
      return std::nullopt;
    } else {
      product *= static_cast<uint64_t>(dimension);
    }
  }
  if (empty) return 0;
  return product % 8 == 0 ? std::optional(product / 8) : std::nullopt;
}

std::string ShapeText(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

void CopyToFloat32(const TensorView& tensor, absl::Span<float> out) {
  CheckCopy(tensor.name.c_str(), tensor.dtype, tensor.data.size(), out.size());
  CopyToFloat32(tensor.dtype, tensor.data, out);
}

void CopyToFloat32(Dtype dtype, absl::Span<const std::byte> data, absl::Span<float> out) {
  CheckCopy("part of a tensor", dtype, data.size(), out.size());
  if (out.empty()) return;
  switch (dtype) {
    case Dtype::kF32:
      std::memcpy(out.data(), data.data(), data.size());
      return;
    case Dtype::kF16:
      return ConvertEach<uint16_t>(data.data(), out, F16ToFloat32);
    case Dtype::kBF16:
      return ConvertEach<uint16_t>(data.data(), out, Bf16ToFloat32);
    default:
      return ConvertEach<double>(data.data(), out, [](double value) { return static_cast<float>(value); });
  }
}

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
    if (dtype == Dtype::kF64) {
      const double value = values[i];
      std::memcpy(to, &value, sizeof value);
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
