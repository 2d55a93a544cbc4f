#include "profiles/kernels/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>

namespace roberta::kernels {
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

constexpr int64_t kIterations = 1'000'000;
constexpr int kPeakRounds = 8;
constexpr int64_t kInstructions = 12;  ///< in an iteration, each with a sum of its own: enough to hide any latency

// The assembler knows every instruction whatever the compiler's target is, so this file needs no flags of its own. The
// factors are the bits of 1.0f, which as bytes and as bfloat16 are harmless too: no denormals, no overflow to infinity.
#define ROBERTA_FOR_EACH_SUM(line) ".irp sum, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n" line "\n.endr\n"
// clang-format off
#define ROBERTA_LOOP(name, instruction, vector)                                                            \
  void name() {                                                                                            \
    int64_t left = kIterations;                                                                            \
    asm volatile(                                                                                          \
        ROBERTA_FOR_EACH_SUM("vpxor %%xmm\\sum, %%xmm\\sum, %%xmm\\sum")                                    \
        "vmovd %[one], %%xmm12\n"                                                                          \
        "vpbroadcastd %%xmm12, %%" vector "12\n"                                                           \
        "1:\n"                                                                                             \
        ROBERTA_FOR_EACH_SUM(instruction " %%" vector "12, %%" vector "12, %%" vector "\\sum")             \
        "dec %[left]\n"                                                                                    \
        "jnz 1b\n"                                                                                         \
        "vzeroupper\n"                                                                                     \
        : [left] "+r"(left)                                                                                \
        : [one] "r"(0x3f800000)                                                                            \
        : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",   \
          "xmm11", "xmm12");                                                                               \
  }
// clang-format on

ROBERTA_LOOP(FmaOf256Bits, "vfmadd231ps", "ymm")
ROBERTA_LOOP(FmaOf512Bits, "vfmadd231ps", "zmm")
ROBERTA_LOOP(VnniOf256Bits, "%{vex%} vpdpbusd", "ymm")
ROBERTA_LOOP(VnniOf512Bits, "vpdpbusd", "zmm")
ROBERTA_LOOP(Bf16Of512Bits, "vdpbf16ps", "zmm")
#undef ROBERTA_LOOP
#undef ROBERTA_FOR_EACH_SUM

struct Candidate {
  std::string_view instruction;
  void (*loop)();
  int64_t operations;  ///< of one instruction
  bool here;
};

std::vector<Candidate> CandidatesFor(Precision precision) {
  if (precision == Precision::kFloat32) {
    return {{"vfmadd231ps ymm", &FmaOf256Bits, 16, HostHasAvx2()},
            {"vfmadd231ps zmm", &FmaOf512Bits, 32, HostHasAvx512()}};
  }
  if (precision == Precision::kBFloat16) return {{"vdpbf16ps zmm", &Bf16Of512Bits, 64, HostHasAvx512Bf16()}};
  return {{"vpdpbusd ymm", &VnniOf256Bits, 64, HostHasAvxVnni()},
          {"vpdpbusd zmm", &VnniOf512Bits, 128, HostHasAvx512Vnni()}};
}

double SecondsOf(void (*loop)()) {
  double least = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kPeakRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    loop();
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return least;
}

#else

#define ROBERTA_CPU_SUPPORTS(feature) false

bool HasBit(Leaf7 /*place*/, int /*bit*/) {
  return false;
}

#endif

}  // namespace

std::string_view IsaName(Isa isa) {
  if (isa == Isa::kAvx512) return "avx512";
  return isa == Isa::kAvx2 ? "avx2" : "portable";
}

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

std::optional<RegisterPeak> MeasureRegisterPeak([[maybe_unused]] Precision precision) {
  std::optional<RegisterPeak> peak;
#if defined(__x86_64__)
  for (const Candidate& candidate : CandidatesFor(precision)) {
    if (!candidate.here) continue;
    const double gops =
        static_cast<double>(kIterations * kInstructions * candidate.operations) / SecondsOf(candidate.loop) / 1e9;
    if (!peak || gops > peak->gops) peak = RegisterPeak{candidate.instruction, gops};
  }
#endif
  return peak;
}

double RegisterPeakGops(Precision precision) {
  static std::array<std::optional<double>, 3> measured;  // guarded by mutex
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::optional<double>& own = measured[static_cast<size_t>(precision)];
  if (!own) {
    const std::optional<RegisterPeak> peak = MeasureRegisterPeak(precision);
    own = peak ? peak->gops : 0;
  }
  return *own;
}

}  // namespace roberta::kernels
