#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace roberta::kernels {

/// What a matrix product multiplies, and so how the pass before leaves its rows.
enum class Precision {
  kFloat32,   ///< float32 by float32 to float32
  kBFloat16,  ///< bfloat16 by bfloat16, summed up in float32
  /// uint8 by int8 to int32, exactly: what every processor with VNNI multiplies at full speed. A row of activations has
  /// a scale and a zero point of its own; what the zero point adds to a sum is taken off by the next pass.
  kInt8,
};

/// "fp32", "bf16" or "int8".
constexpr std::string_view PrecisionName(Precision precision) {
  if (precision == Precision::kFloat32) return "fp32";
  return precision == Precision::kBFloat16 ? "bf16" : "int8";
}

/// Instruction sets that the fused passes are compiled for.
enum class Isa {
  kPortable,  ///< whatever the compiler's baseline is
  kAvx2,      ///< AVX2 and FMA
  kAvx512,    ///< AVX-512 F, BW, DQ, VL
};

std::string_view IsaName(Isa isa);  ///< "portable", "avx2", "avx512"

/// Those that this host runs, slowest first.
const std::vector<Isa>& HostIsas();

/// Whether products of bytes are summed in 32 bits at once (VNNI, with 512 or 256 bits). Without it, pairs of them go
/// through 16 bits, and saturate.
bool HostHasVnni();

/// AVX2 and FMA, and with that AVX-VNNI: VNNI of 256 bits, in an encoding of its own.
bool HostHasAvx2();
bool HostHasAvxVnni();

/// Instruction sets of the register tiles: AVX-512 F, BW, DQ, VL, and with that AVX512_VNNI or AVX512_BF16.
bool HostHasAvx512();
bool HostHasAvx512Vnni();
bool HostHasAvx512Bf16();

/// What a core does at most: one instruction over and over on registers, no memory touched.
struct RegisterPeak {
  std::string_view instruction;
  double gops = 0;  ///< 1e9 operations a second, an addition and a multiplication being two
};

/// The fastest of the instructions that multiply in `precision` on this host, on the calling thread, of the best of
/// some measurements of a few milliseconds. Nothing where this host has none that is known here: without AVX2 for
/// float32, VNNI for int8 and AVX512-BF16 for bfloat16, and on other processors than x86-64.
std::optional<RegisterPeak> MeasureRegisterPeak(Precision precision);

/// The same, measured once for the process; 0 for nothing.
double RegisterPeakGops(Precision precision);

}  // namespace roberta::kernels
