#include "loadtest/record/environment.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "version/version.h"

namespace roberta::loadtest::record {

namespace {

/// The value of the first line of /proc/cpuinfo that begins with `key`; empty if there is none.
std::string CpuInfo(const std::string& key) {
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind(key, 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

}  // namespace

Environment ThisEnvironment() {
  Environment environment;
  environment.program_version = version::kVersion;
  environment.program_commit = version::kGitCommit;
  environment.started_at = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now(), absl::UTCTimeZone());
  environment.cpu_model = CpuInfo("model name");
  environment.cpu_flags = CpuInfo("flags");
  utsname system = {};
  if (uname(&system) == 0) environment.kernel = absl::StrCat(system.sysname, " ", system.release);
  environment.cores = sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t set;
  environment.usable_cores = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : environment.cores;
  double load = 0;
  if (getloadavg(&load, 1) == 1) environment.load_average = load;
  return environment;
}

}  // namespace roberta::loadtest::record
