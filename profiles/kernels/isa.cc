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

const std::vector<Isa>& HostIsas() {
  static const std::vector<Isa> isas = [] {
    std::vector<Isa> found = {Isa::kPortable};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(Isa::kAvx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
      found.push_back(Isa::kAvx512);
    }
#endif
    return found;
  }();
  return isas;
}

bool HostHasVnni() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vnni")) return true;
  // AVX-VNNI, which not every compiler knows by name: leaf 7, subleaf 1, bit 4 of eax.
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 4 & 1) != 0;
#else
  return true;
#endif
}

}  // namespace roberta::kernels
