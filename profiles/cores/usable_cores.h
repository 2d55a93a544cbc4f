#pragma once

#include <cstdint>
#include <string>

namespace roberta::cores {

/// What this process may use of the machine.
struct CpuBudget {
  uint32_t affinity_cores = 1;  ///< cores it may be scheduled on
  double quota_cores = 0;       ///< of the cgroup's CPU quota; 0: none
  /// Whole cores worth running a thread on: the smaller of the two, quota rounded up; at least 1.
  uint32_t usable() const;
};

/// Reads affinity and the cgroup (v2 cpu.max, else v1 cpu.cfs_*) below `cgroup_root`.
CpuBudget ReadCpuBudget(const std::string& cgroup_root = "/sys/fs/cgroup");

}  // namespace roberta::cores
