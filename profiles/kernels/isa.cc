#include "profiles/kernels/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <string>

#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"

namespace roberta::kernels {
namespace {

#if defined(__x86_64__)

/// Registers of CPUID leaf 7: those of subleaf 0, or eax of subleaf 1.
enum class Leaf7 { kEcx, kEdx, kEax1 };

/// Compilers do not know all of these by name.
bool HasBits(Leaf7 place, unsigned bits) {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, place == Leaf7::kEax1 ? 1 : 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  const unsigned found = place == Leaf7::kEax1 ? eax : place == Leaf7::kEcx ? ecx : edx;
  return (found & bits) == bits;
}

/// The system lets a process use the tile registers if it asks (Linux, arch_prctl(2)).
bool MayUseTileRegisters() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool HasAvx2() {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
}
bool HasAvxVnni() {
  return HasBits(Leaf7::kEax1, 1u << 4);
}
bool HasAvx512() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
}
bool HasAvx512Vnni() {
  return HasBits(Leaf7::kEcx, 1u << 11);
}
bool HasAvx512Bf16() {
  return HasBits(Leaf7::kEax1, 1u << 5);
}
bool HasAmx() {
  return HasBits(Leaf7::kEdx, 1u << 22 | 1u << 24 | 1u << 25) && MayUseTileRegisters();
}

#else

constexpr bool (*HasAvx2)() = nullptr, (*HasAvxVnni)() = nullptr, (*HasAvx512)() = nullptr,
               (*HasAvx512Vnni)() = nullptr, (*HasAvx512Bf16)() = nullptr, (*HasAmx)() = nullptr;

#endif

/// A row for each instruction set, in the order of the enumeration.
struct IsaRow {
  Isa isa;
  std::string_view name;
  Isa base;       ///< what it builds on
  bool (*has)();  ///< whether the processor has what it adds to that; nullptr: never
};
constexpr IsaRow kIsas[] = {
    {Isa::kPortable, "portable", Isa::kPortable, [] { return true; }},
    {Isa::kAvx2, "avx2", Isa::kPortable, HasAvx2},
    {Isa::kAvxVnni, "avx_vnni", Isa::kAvx2, HasAvxVnni},
    {Isa::kAvx512, "avx512", Isa::kAvx2, HasAvx512},
    {Isa::kAvx512Vnni, "avx512_vnni", Isa::kAvx512, HasAvx512Vnni},
    {Isa::kAvx512Bf16, "avx512_bf16", Isa::kAvx512Vnni, HasAvx512Bf16},
    {Isa::kAmx, "amx", Isa::kAvx512Bf16, HasAmx},
};

constexpr const IsaRow& RowOf(Isa isa) {
  return kIsas[static_cast<size_t>(isa)];
}

/// Whether `isa` is `of` or builds on it.
bool BuildsOn(Isa of, Isa isa) {
  while (of != isa && of != Isa::kPortable) of = RowOf(of).base;
  return of == isa;
}

const char* LimitText() {
  static const char* const text = std::getenv("ROBERTA_MAX_ISA");
  return text;
}

#if defined(__x86_64__)

constexpr int64_t kIterations = 1'000'000;
constexpr int kPeakRounds = 8;
constexpr int64_t kInstructions = 12;  ///< in an iteration, each with a sum of its own: enough to hide any latency

// The assembler knows every instruction whatever the compiler's target is, so this file needs no flags of its own. The
// factors are the bits of 1.0f, which as bytes and as bfloat16 are harmless too: no denormals, no overflow to infinity.
#define ROBERTA_FOR_EACH_SUM(line) ".irp sum, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n" line "\n.endr\n"
// clang-format off
#define ROBERTA_LOOP(name, instructions, vector)                                                            \
  void name() {                                                                                            \
    int64_t left = kIterations;                                                                            \
    asm volatile(                                                                                          \
        ROBERTA_FOR_EACH_SUM("vpxor %%xmm\\sum, %%xmm\\sum, %%xmm\\sum")                                    \
        "vmovd %[one], %%xmm12\n"                                                                          \
        "vpbroadcastd %%xmm12, %%" vector "12\n"                                                           \
        "1:\n"                                                                                             \
        ROBERTA_FOR_EACH_SUM(instructions)                                                                 \
        "dec %[left]\n"                                                                                    \
        "jnz 1b\n"                                                                                         \
        "vzeroupper\n"                                                                                     \
        : [left] "+r"(left)                                                                                \
        : [one] "r"(0x3f800000)                                                                            \
        : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",   \
          "xmm11", "xmm12", "xmm13");                                                                               \
  }
// clang-format on

#define ROBERTA_SUM_OF(instruction, vector) instruction " %%" vector "12, %%" vector "12, %%" vector "\\sum"
#define ROBERTA_SUM_OF_PAIRS(vector)                   \
  "vpmaddwd %%" vector "12, %%" vector "12, %%" vector \
  "13\n"                                               \
  "vpaddd %%" vector "13, %%" vector "\\sum, %%" vector "\\sum"
ROBERTA_LOOP(FmaOf256Bits, ROBERTA_SUM_OF("vfmadd231ps", "ymm"), "ymm")
ROBERTA_LOOP(FmaOf512Bits, ROBERTA_SUM_OF("vfmadd231ps", "zmm"), "zmm")
ROBERTA_LOOP(PairsOf256Bits, ROBERTA_SUM_OF_PAIRS("ymm"), "ymm")
ROBERTA_LOOP(PairsOf512Bits, ROBERTA_SUM_OF_PAIRS("zmm"), "zmm")
ROBERTA_LOOP(VnniOf256Bits, ROBERTA_SUM_OF("%{vex%} vpdpbusd", "ymm"), "ymm")
ROBERTA_LOOP(VnniOf512Bits, ROBERTA_SUM_OF("vpdpbusd", "zmm"), "zmm")
ROBERTA_LOOP(Bf16Of512Bits, ROBERTA_SUM_OF("vdpbf16ps", "zmm"), "zmm")
#undef ROBERTA_LOOP
#undef ROBERTA_SUM_OF
#undef ROBERTA_SUM_OF_PAIRS
#undef ROBERTA_FOR_EACH_SUM

struct Candidate {
  Isa isa;
  Precision precision;
  std::string_view instruction;
  void (*loop)();
  int64_t operations;  ///< of one addition to a sum
};
constexpr Candidate kCandidates[] = {
    {Isa::kAvx2, Precision::kFloat32, "vfmadd231ps ymm", &FmaOf256Bits, 16},
    {Isa::kAvx512, Precision::kFloat32, "vfmadd231ps zmm", &FmaOf512Bits, 32},
    {Isa::kAvx2, Precision::kInt8, "vpmaddwd ymm", &PairsOf256Bits, 32},
    {Isa::kAvx512, Precision::kInt8, "vpmaddwd zmm", &PairsOf512Bits, 64},
    {Isa::kAvxVnni, Precision::kInt8, "vpdpbusd ymm", &VnniOf256Bits, 64},
    {Isa::kAvx512Vnni, Precision::kInt8, "vpdpbusd zmm", &VnniOf512Bits, 128},
    {Isa::kAvx512Bf16, Precision::kBFloat16, "vdpbf16ps zmm", &Bf16Of512Bits, 64},
};

double SecondsOf(void (*loop)()) {
  return LeastSeconds(kPeakRounds, [loop] {
    loop();
    return true;
  });
}

#endif

}  // namespace

std::string_view IsaName(Isa isa) {
  return RowOf(isa).name;
}

std::vector<Isa> AllIsas() {
  std::vector<Isa> isas;
  for (const IsaRow& row : kIsas) isas.push_back(row.isa);
  return isas;
}

std::optional<Isa> IsaLimit() {
  if (LimitText() == nullptr) return std::nullopt;
  for (const IsaRow& row : kIsas) {
    if (row.name == LimitText()) return row.isa;
  }
  return std::nullopt;
}

absl::Status CheckIsaLimit() {
  if (LimitText() == nullptr || IsaLimit()) return absl::OkStatus();
  std::vector<std::string> names;
  for (const IsaRow& row : kIsas) names.emplace_back(row.name);
  return errors::InvalidArgument("ROBERTA_MAX_ISA: \"", LimitText(), "\" is not one of ", absl::StrJoin(names, ", "));
}

const std::vector<Isa>& HostIsas() {
  static const std::vector<Isa> isas = [] {
    std::vector<Isa> found;
    const std::optional<Isa> limit = IsaLimit();
    for (const IsaRow& row : kIsas) {
      const bool has_base = row.isa == row.base || std::ranges::count(found, row.base) > 0;
      if (has_base && (!limit || BuildsOn(*limit, row.isa)) && row.has != nullptr && row.has())
        found.push_back(row.isa);
    }
    return found;
  }();
  return isas;
}

bool HostHas(Isa isa) {
  return std::ranges::count(HostIsas(), isa) > 0;
}

std::optional<RegisterPeak> MeasureRegisterPeak([[maybe_unused]] Precision precision,
                                                [[maybe_unused]] std::optional<Isa> isa) {
  std::optional<RegisterPeak> peak;
#if defined(__x86_64__)
  for (const Candidate& candidate : kCandidates) {
    const bool is_it =
        HasFloatRows(precision) ? candidate.precision == Precision::kFloat32 : candidate.precision == precision;
    if (!is_it || !HostHas(candidate.isa) || (isa && candidate.isa != *isa)) continue;
    const double gops =
        static_cast<double>(kIterations * kInstructions * candidate.operations) / SecondsOf(candidate.loop) / 1e9;
    if (!peak || gops > peak->gops) peak = RegisterPeak{candidate.instruction, gops};
  }
#endif
  return peak;
}

double LeastSeconds(int most_rounds, const std::function<bool()>& run) {
  constexpr double kAgreeing = 1.02;
  double least = std::numeric_limits<double>::infinity();
  for (int round = 0; round < most_rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    if (!run()) break;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const bool agree = seconds <= kAgreeing * least && least <= kAgreeing * seconds;
    least = std::min(least, seconds);
    if (round > 1 && agree) break;
  }
  return least;
}

double RegisterPeakGops(Precision precision) {
  static std::array<std::optional<double>, kPrecisions> measured;  // guarded by mutex
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
