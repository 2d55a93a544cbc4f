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

#if defined(__x86_64__)
namespace {

/// A bit of CPUID leaf 7: compilers do not know all of them by name.
enum class Leaf7 { kEcx, kEax1 };  ///< a register of subleaf 0, or of subleaf 1
bool HasBit(Leaf7 place, int bit) {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, place == Leaf7::kEax1 ? 1 : 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  return ((place == Leaf7::kEax1 ? eax : ecx) >> bit & 1) != 0;
}

}  // namespace

bool HostHasAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool HostHasAvxVnni() {
  return HostHasAvx2() && HasBit(Leaf7::kEax1, 4);
}
bool HostHasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool HostHasAvx512Vnni() {
  return HostHasAvx512() && HasBit(Leaf7::kEcx, 11);
}
bool HostHasAvx512Bf16() {
  return HostHasAvx512() && HasBit(Leaf7::kEax1, 5);
}
#else
bool HostHasAvx2() {
  return false;
}
bool HostHasAvxVnni() {
  return false;
}
bool HostHasAvx512() {
  return false;
}
bool HostHasAvx512Vnni() {
  return false;
}
bool HostHasAvx512Bf16() {
  return false;
}
#endif

const std::vector<Isa>& HostIsas() {
  static const std::vector<Isa> isas = [] {
    std::vector<Isa> found = {Isa::kPortable};
#if defined(__x86_64__)
    if (HostHasAvx2()) found.push_back(Isa::kAvx2);
    if (HostHasAvx512()) found.push_back(Isa::kAvx512);
#endif
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
