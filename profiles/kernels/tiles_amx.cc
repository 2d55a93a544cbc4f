#include "profiles/kernels/tiles_amx_body.h"

namespace roberta::kernels {
namespace {

/// The processor's registers, by their instructions' letters: the assembler knows them whatever the compiler's target
/// is, and every one says that it reads or writes memory, which compilers' intrinsics do not.
class TileRegisters {
 public:
  void Configure(size_t first_rows, size_t second_rows) {
    if (first_rows == first_rows_ && second_rows == second_rows_) return;
    first_rows_ = first_rows;
    second_rows_ = second_rows;
    const TileConfig config = ConfigFor(first_rows, second_rows);
    asm volatile("ldtilecfg %0" : : "m"(config) : "memory");
  }
  void Release() { asm volatile("tilerelease" : : : "memory"); }

  template <int kTile>
  void Zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(kTile) : "memory");
  }
  template <int kTile>
  void Load(const unsigned char* from, size_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  void Store(unsigned char* to, size_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kSums, int kRows, int kWeights, Precision kPrecision>
  void Add() {
    if constexpr (kPrecision == Precision::kInt8) {
      asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kRows), "i"(kWeights) : "memory");
    } else {
      asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kRows), "i"(kWeights) : "memory");
    }
  }

 private:
  size_t first_rows_ = 0, second_rows_ = 0;
};

constexpr Tiles kSets[] = {AmxTilesOf<TileRegisters, Precision::kInt8>(),
                           AmxTilesOf<TileRegisters, Precision::kBFloat16>()};

}  // namespace

std::span<const Tiles> AmxTiles() {
  return kSets;
}

}  // namespace roberta::kernels
