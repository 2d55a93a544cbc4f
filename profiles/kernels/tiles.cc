#include "profiles/kernels/tiles.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>

#include "profiles/kernels/isa.h"
#include "profiles/kernels/tiles_of_isa.h"

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

double RegisterPeakGops(Precision precision) {
  constexpr int kRounds = 5;
  constexpr size_t kSteps = 100'000;
  static std::array<double, 3> measured = {};
  static std::mutex mutex;
  const Tiles* tiles = TilesFor(precision);
  if (tiles == nullptr) return 0;
  const std::lock_guard lock(mutex);
  double& best = measured[static_cast<size_t>(precision)];
  if (best > 0) return best;
  tiles->spin(kSteps);  // up to speed
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    const auto operations = 2.0 * static_cast<double>(tiles->spin(kSteps));
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
    best = std::max(best, operations / spent.count());
  }
  return best;
}

}  // namespace roberta::kernels
