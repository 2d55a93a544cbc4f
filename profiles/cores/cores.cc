#include "profiles/cores/cores.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <thread>
#include <vector>

namespace roberta::cores {
namespace {

/// Cores of "quota period" as cgroups write them; 0 where there is no quota ("max", -1) or no such file.
double QuotaCores(const std::string& quota, double period) {
  char* end = nullptr;
  const double value = std::strtod(quota.c_str(), &end);
  if (end == quota.c_str() || value <= 0 || period <= 0) return 0;
  return value / period;
}

template <typename Value>
Value ReadValue(const std::string& path) {
  Value value{};
  std::ifstream(path) >> value;
  return value;
}

double ReadQuota(const std::string& root) {
  if (std::ifstream v2(root + "/cpu.max"); v2) {
    std::string quota;
    double period = 0;
    v2 >> quota >> period;
    return QuotaCores(quota, period);
  }
  return QuotaCores(ReadValue<std::string>(root + "/cpu/cpu.cfs_quota_us"),
                    ReadValue<double>(root + "/cpu/cpu.cfs_period_us"));
}

}  // namespace

uint32_t CpuBudget::usable() const {
  if (quota_cores <= 0) return std::max(affinity_cores, 1u);
  return std::clamp(static_cast<uint32_t>(std::ceil(quota_cores)), 1u, std::max(affinity_cores, 1u));
}

CpuBudget ReadCpuBudget(const std::string& cgroup_root) {
  CpuBudget budget;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) budget.affinity_cores = static_cast<uint32_t>(CPU_COUNT(&set));
  budget.quota_cores = ReadQuota(cgroup_root);
  return budget;
}

void RunOnThreads(size_t threads, size_t count, const std::function<void(size_t)>& task) {
  std::atomic<size_t> next{0};
  const auto run = [&] {
    for (size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) task(i);
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < std::min(threads, count); ++i) others.emplace_back(run);
  run();
  for (std::thread& other : others) other.join();
}

}  // namespace roberta::cores
