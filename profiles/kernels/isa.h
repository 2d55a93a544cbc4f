#pragma once

#include <string_view>
#include <vector>

namespace roberta::kernels {

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

}  // namespace roberta::kernels
