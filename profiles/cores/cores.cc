#include "profiles/cores/cores.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <system_error>
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

double QuotaOf(const std::string& group) {
  if (std::ifstream v2(group + "/cpu.max"); v2) {
    std::string quota;
    double period = 0;
    v2 >> quota >> period;
    return QuotaCores(quota, period);
  }
  return QuotaCores(ReadValue<std::string>(group + "/cpu.cfs_quota_us"),
                    ReadValue<double>(group + "/cpu.cfs_period_us"));
}

/// The smallest quota of the group `path` ("/a/b") and the groups that it is in, below `mount`. A path as another
/// namespace has it, the host's, for example, begins with groups that are not there, or with "..".
double SmallestQuota(const std::string& mount, std::string path) {
  std::error_code error;
  if (!path.starts_with('/') || path.find("/..") != std::string::npos) path.clear();
  while (!path.empty() && !std::filesystem::is_directory(mount + path, error)) path.erase(0, path.find('/', 1));
  double smallest = QuotaOf(mount);
  for (; !path.empty(); path.resize(path.rfind('/'))) {
    const double quota = QuotaOf(mount + path);
    if (quota > 0 && (smallest == 0 || quota < smallest)) smallest = quota;
  }
  return smallest;
}

/// The path of this process's group, from "number:controllers:path" lines; with version 2 there are no
/// controllers.
std::string GroupPath(const std::string& membership_file, const std::string& controller) {
  std::ifstream file(membership_file);
  for (std::string number, controllers, path; std::getline(file, number, ':');) {
    if (!std::getline(file, controllers, ':') || !std::getline(file, path)) break;
    if (("," + controllers + ",").find("," + controller + ",") != std::string::npos) return path;
  }
  return "";
}

}  // namespace

uint32_t CpuBudget::usable() const {
  if (quota_cores <= 0) return std::max(affinity_cores, 1u);
  return std::clamp(static_cast<uint32_t>(std::ceil(quota_cores)), 1u, std::max(affinity_cores, 1u));
}

CpuBudget ReadCpuBudget(const std::string& cgroup_root, const std::string& membership_file) {
  CpuBudget budget;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) budget.affinity_cores = static_cast<uint32_t>(CPU_COUNT(&set));
  budget.quota_cores = SmallestQuota(cgroup_root, GroupPath(membership_file, ""));
  if (budget.quota_cores == 0) {
    budget.quota_cores = SmallestQuota(cgroup_root + "/cpu", GroupPath(membership_file, "cpu"));
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

}  // namespace roberta::cores
