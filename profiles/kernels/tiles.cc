#include "profiles/kernels/tiles.h"

#include "profiles/kernels/isa.h"

namespace roberta::kernels {

const Tiles* TilesFor([[maybe_unused]] Precision precision) {
#if defined(__x86_64__)
  switch (precision) {
    case Precision::kFloat32:
      return HostHasAvx512() ? &Avx512Tiles() : nullptr;
    case Precision::kBFloat16:
      return HostHasAvx512Bf16() ? &Avx512Bf16Tiles() : nullptr;
    case Precision::kInt8:
      return HostHasAvx512Vnni() ? &Avx512VnniTiles() : nullptr;
  }
#endif
  return nullptr;
}

}  // namespace roberta::kernels
