#include "profiles/machine/cores.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

namespace roberta::machine {
namespace {

/// 0: there is no quota ("max", -1).
double QuotaOf(const std::string& group) {
  std::string quota = ReadStart(group + "/cpu.max"), period;
  if (const size_t space = quota.find(' '); space != std::string::npos) {
    period = quota.substr(space + 1);
  } else {
    quota = ReadStart(group + "/cpu.cfs_quota_us");
    period = ReadStart(group + "/cpu.cfs_period_us");
  }
  const auto quota_us = static_cast<double>(NumberIn(quota).value_or(0));
  const auto period_us = static_cast<double>(NumberIn(period).value_or(0));
  return period_us > 0 ? quota_us / period_us : 0;
}

}  // namespace

uint32_t CpuBudget::usable() const {
  const double cores = std::max(affinity_cores, 1u);
  return static_cast<uint32_t>(quota_cores > 0 ? std::min(std::ceil(quota_cores), cores) : cores);
}

CpuBudget ReadCpuBudget(const KernelFiles& files) {
  CpuBudget budget;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) budget.affinity_cores = static_cast<uint32_t>(CPU_COUNT(&set));
  for (const std::string& group : GroupsOf(files, "cpu")) {
    const double quota = QuotaOf(group);
    if (quota > 0 && (budget.quota_cores == 0 || quota < budget.quota_cores)) budget.quota_cores = quota;
  }
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

}  // namespace roberta::machine
