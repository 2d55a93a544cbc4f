#include "tests/soak/memory.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace roberta::soak {

int64_t ResidentBytes(pid_t pid) {
  std::ifstream statm(absl::StrCat("/proc/", pid, "/statm"));
  int64_t total_pages = 0, resident_pages = 0;
  if (!(statm >> total_pages >> resident_pages)) return 0;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

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
