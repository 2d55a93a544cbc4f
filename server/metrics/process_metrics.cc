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
#include <system_error>

#include "version/version.h"

namespace roberta::metrics {
namespace {

/// Clock ticks from the start of the machine to the start of this process: field 22 of /proc/self/stat. The second
/// field is a name that may hold any characters, so fields are counted from its closing parenthesis.
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
  return static_cast<size_t>(entries) - 1;  // one is open only to read the directory
}

}  // namespace

ProcessMetrics::ProcessMetrics(prometheus::Registry* registry) {
  cpu_seconds_ = AddCounter(*registry, "process_cpu_seconds_total", "CPU time that this process has used.");
  resident_memory_ = AddGauge(*registry, "process_resident_memory_bytes", "Memory of this process that is in RAM.");
  virtual_memory_ = AddGauge(*registry, "process_virtual_memory_bytes", "Size of the address space of this process.");
  open_fds_ = AddGauge(*registry, "process_open_fds", "Number of file descriptors that are open.");
  max_fds_ = AddGauge(*registry, "process_max_fds", "Number of file descriptors that may be open.");
  prometheus::Gauge* start =
      AddGauge(*registry, "process_start_time_seconds", "Time at which this process started, since 1970.");
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

MemoryMetrics::MemoryMetrics(prometheus::Registry* registry) {
  limit_ = AddGauge(*registry, "roberta_memory_limit_bytes",
                    "The limit on memory that is nearest: a cgroup's, the config's, or else the machine's memory.");
  used_ = AddGauge(*registry, "roberta_memory_unreclaimable_bytes",
                   "Memory that counts against that limit, without the page cache, which the kernel takes back.");
  unloads_ = AddCounter(*registry, "roberta_memory_unloads_total",
                        "Number of profiles that were unloaded because a limit on memory was near.");
}

void MemoryMetrics::Set(uint64_t limit_bytes, uint64_t used_bytes) {
  limit_->Set(static_cast<double>(limit_bytes));
  used_->Set(static_cast<double>(used_bytes));
}

void MemoryMetrics::CountUnload() {
  unloads_->Increment();
}

BuildMetrics::BuildMetrics(prometheus::Registry* registry, const Computation& computation)
    : primitives_created_(computation.primitives_created) {
  primitives_ = AddCounter(*registry, "roberta_kernel_primitives_created_total",
                           "Number of matrix product primitives created. It is constant unless a profile is loaded.");
  AddGauges(*registry, "roberta_build_info", "Always 1. The labels name the build that runs and what it computes with.")
      .Add({{"version", version::kVersion},
            {"git", version::kGitCommit},
            {"libtorch", computation.libtorch},
            {"onednn", computation.onednn},
            {"isa", computation.isa}})
      .Set(1);
}

void BuildMetrics::Refresh() {
  if (primitives_created_ == nullptr) return;
  primitives_->Increment(static_cast<double>(primitives_created_()) - primitives_->Value());
}

}  // namespace roberta::metrics
