#include "server/metrics/process_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <system_error>

namespace roberta::metrics {

namespace {

/// Ticks of the clock from the machine's start to that of this process: field 22 of /proc/self/stat. The second field
/// is a name that may hold anything, so what is counted comes after its closing parenthesis.
std::optional<double> StartTicks() {
  std::string line;
  if (!std::getline(std::ifstream("/proc/self/stat"), line)) return std::nullopt;
  size_t at = line.rfind(')');
  for (int field = 2; field < 22; ++field) {
    if (at == std::string::npos) return std::nullopt;
    at = line.find(' ', at + 1);
  }
  return at == std::string::npos ? std::nullopt : std::optional<double>(std::strtod(line.c_str() + at, nullptr));
}

/// When the machine started, in seconds since 1970.
std::optional<double> BootSeconds() {
  std::ifstream file("/proc/stat");
  std::string word;
  while (file >> word) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return std::nullopt;
}

std::optional<size_t> OpenFds() {
  std::error_code error;
  const std::filesystem::directory_iterator open("/proc/self/fd", error);
  if (error) return std::nullopt;
  const auto entries = std::distance(begin(open), end(open));
  return static_cast<size_t>(entries) - 1;  // that of the directory itself
}

}  // namespace

ProcessMetrics::ProcessMetrics(prometheus::Registry* registry) {
  auto gauge = [registry](const char* name, const char* help) { return &AddGauges(*registry, name, help).Add({}); };
  cpu_seconds_ =
      &AddCounters(*registry, "process_cpu_seconds_total", "Time of processors that this process used.").Add({});
  resident_memory_ = gauge("process_resident_memory_bytes", "Memory of this process that is in RAM.");
  virtual_memory_ = gauge("process_virtual_memory_bytes", "Address space of this process.");
  open_fds_ = gauge("process_open_fds", "Open file descriptors.");
  max_fds_ = gauge("process_max_fds", "File descriptors that may be open.");
  prometheus::Gauge* start = gauge("process_start_time_seconds", "When this process started, since 1970.");
  const auto ticks = StartTicks();
  const auto boot = BootSeconds();
  if (ticks && boot) start->Set(*boot + *ticks / static_cast<double>(sysconf(_SC_CLK_TCK)));
  Refresh();
}

void ProcessMetrics::Refresh() {
  timespec cpu = {};
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0) {
    const double seconds = static_cast<double>(cpu.tv_sec) + static_cast<double>(cpu.tv_nsec) * 1e-9;
    cpu_seconds_->Increment(seconds - cpu_seconds_->Value());
  }
  double virtual_pages = 0;
  double resident_pages = 0;
  if (std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages) {
    const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
    virtual_memory_->Set(virtual_pages * page_bytes);
    resident_memory_->Set(resident_pages * page_bytes);
  }
  if (const auto open = OpenFds()) open_fds_->Set(static_cast<double>(*open));
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) max_fds_->Set(static_cast<double>(limit.rlim_cur));
}

}  // namespace roberta::metrics
