#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace roberta::kernels {

/// What a matrix product multiplies, and so how the pass before leaves its rows.
enum class Precision {
  kFloat32,   ///< float32 by float32 to float32
  kBFloat16,  ///< bfloat16 by bfloat16, summed up in float32
  /// uint8 by int8 to int32, exactly. A row of activations has a scale and a zero point of its own; what the zero point
  /// adds to a sum is taken off by the next pass.
  kInt8,
  /// float32 by float32 to float32, with weights that were rounded to bfloat16 and are stored so: half of the memory to
  /// read, which is most of the time of a product of few rows
  kBFloat16Weights,
};
inline constexpr size_t kPrecisions = 4;

/// "fp32", "bf16", "int8" or "bf16w".
constexpr std::string_view PrecisionName(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return "fp32";
    case Precision::kBFloat16:
      return "bf16";
    case Precision::kInt8:
      return "int8";
    case Precision::kBFloat16Weights:
      break;
  }
  return "bf16w";
}

/// Whether the rows of a product in `precision` are float32.
constexpr bool HasFloatRows(Precision precision) {
  return precision == Precision::kFloat32 || precision == Precision::kBFloat16Weights;
}

/// Instruction sets that kernels are compiled for. Each has all of the one that it builds on, which isa.cc names.
enum class Isa {
  kPortable,    ///< whatever the compiler's baseline is
  kAvx2,        ///< AVX2 and FMA
  kAvxVnni,     ///< with AVX-VNNI: sums of four products of bytes, of 256 bits
  kAvx512,      ///< AVX-512 F, BW, DQ, VL
  kAvx512Vnni,  ///< with AVX512_VNNI
  kAvx512Bf16,  ///< with AVX512_BF16
  kAmx,         ///< with AMX-TILE, AMX-INT8 and AMX-BF16
};

std::string_view IsaName(Isa isa);  ///< "portable", "avx2", "avx_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx"

/// Whether this host and its operating system run `isa`. The environment variable ROBERTA_MAX_ISA, an IsaName, makes
/// the host one that has only that set and those that it builds on.
bool HostHas(Isa isa);

/// All, in the order of the enumeration.
std::vector<Isa> AllIsas();

/// Those that the host has, in the order of the enumeration.
const std::vector<Isa>& HostIsas();

/// InvalidArgument if ROBERTA_MAX_ISA is set to what is no IsaName; it is then passed over.
absl::Status CheckIsaLimit();

/// What ROBERTA_MAX_ISA names.
std::optional<Isa> IsaLimit();

/// What a core does at most: one instruction over and over on registers, no memory touched.
struct RegisterPeak {
  std::string_view instruction;
  double gops = 0;  ///< 1e9 operations a second, an addition and a multiplication being two
};

/// The fastest of the instructions that multiply in `precision` on this host, on the calling thread, of the best of
/// some measurements of a few milliseconds. Nothing where this host has none that is known here: without AVX2, without
/// AVX512-BF16 for bfloat16, and on other processors than x86-64. With `isa` only of the instructions of that set.
std::optional<RegisterPeak> MeasureRegisterPeak(Precision precision, std::optional<Isa> isa = std::nullopt);

/// The same, measured once for the process; 0 for nothing.
double RegisterPeakGops(Precision precision);

/// Seconds that `run` takes: the least of at least three rounds, the first of which is for the caches to get warm, and
/// of no more once two of them agree to 2 %, but `most_rounds`. Infinite if `run` fails at once; it then says false.
double LeastSeconds(int most_rounds, const std::function<bool()>& run);

}  // namespace roberta::kernels
