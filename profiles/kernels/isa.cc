#include "profiles/kernels/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace roberta::kernels {

std::string_view IsaName(Isa isa) {
  switch (isa) {
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kPortable:
      break;
  }
  return "portable";
}

namespace {

/// A register of CPUID leaf 7: ecx of subleaf 0, or eax of subleaf 1.
enum class Leaf7 { kEcx, kEax1 };

#if defined(__x86_64__)

#define ROBERTA_CPU_SUPPORTS(feature) (__builtin_cpu_supports(feature) != 0)

/// Compilers do not know all of these by name.
bool HasBit(Leaf7 place, int bit) {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, place == Leaf7::kEax1 ? 1 : 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  return ((place == Leaf7::kEax1 ? eax : ecx) >> bit & 1) != 0;
}

#else

#define ROBERTA_CPU_SUPPORTS(feature) false

bool HasBit(Leaf7 /*place*/, int /*bit*/) {
  return false;
}

#endif

}  // namespace

bool HostHasAvx2() {
  return ROBERTA_CPU_SUPPORTS("avx2") && ROBERTA_CPU_SUPPORTS("fma");
}
bool HostHasAvxVnni() {
  return HostHasAvx2() && HasBit(Leaf7::kEax1, 4);
}
bool HostHasAvx512() {
  return ROBERTA_CPU_SUPPORTS("avx512f") && ROBERTA_CPU_SUPPORTS("avx512bw") && ROBERTA_CPU_SUPPORTS("avx512dq") &&
         ROBERTA_CPU_SUPPORTS("avx512vl");
}
bool HostHasAvx512Vnni() {
  return HostHasAvx512() && HasBit(Leaf7::kEcx, 11);
}
bool HostHasAvx512Bf16() {
  return HostHasAvx512() && HasBit(Leaf7::kEax1, 5);
}

const std::vector<Isa>& HostIsas() {
  static const std::vector<Isa> isas = [] {
    std::vector<Isa> found = {Isa::kPortable};
    if (HostHasAvx2()) found.push_back(Isa::kAvx2);
    if (HostHasAvx512()) found.push_back(Isa::kAvx512);
    return found;
  }();
  return isas;
}

bool HostHasVnni() {
#if defined(__x86_64__)
  return HostHasAvx512Vnni() || HostHasAvxVnni();
#else
  return true;
#endif
}

}  // namespace roberta::kernels
