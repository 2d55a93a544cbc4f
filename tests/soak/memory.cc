#include "tests/soak/memory.h"

#include <cstdio>

#include "absl/strings/str_format.h"

namespace roberta::soak {

std::vector<std::string> GrowthOf(const std::string& what, int64_t before_bytes, int64_t after_bytes) {
  constexpr double kMiB = 1 << 20;
  const double before = static_cast<double>(before_bytes) / kMiB, after = static_cast<double>(after_bytes) / kMiB;
  std::printf("%s: %.1f MiB, then %.1f MiB\n", what.c_str(), before, after);
  std::fflush(stdout);
#ifdef __SANITIZE_ADDRESS__
  return {};
#else
  constexpr double kAllowedRatio = 1.05, kAllowedMiB = 16;
  if (before > 0 && after <= before * kAllowedRatio + kAllowedMiB) return {};
  return {absl::StrFormat("%s grew from %.1f to %.1f MiB", what, before, after)};
#endif
}

}  // namespace roberta::soak
