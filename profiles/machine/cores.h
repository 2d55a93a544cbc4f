#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "profiles/machine/cgroups.h"

namespace roberta::machine {

/// The cores that this process may use.
struct CpuBudget {
  uint32_t affinity_cores = 1;  ///< those that it may be scheduled on: affinity within the cpusets of its cgroups
  double quota_cores = 0;       ///< of the cgroups' CPU quotas; 0: none
  /// Whole cores worth running a thread on: the smaller of the two, quota rounded up; at least 1.
  uint32_t usable() const;
};

/// Reads affinity and the smallest quota (version 2: cpu.max, version 1: cpu.cfs_*) of GroupsOf this process. What is
/// not as the kernel writes it is no quota.
CpuBudget ReadCpuBudget(const KernelFiles& files = {});

/// Runs task(0) to task(count - 1), each once and about in that order, on `threads` threads (one at least, and no more
/// than tasks), and returns when all have ended. One thread is the calling one. Tasks must not throw.
void RunOnThreads(size_t threads, size_t count, const std::function<void(size_t)>& task);

}  // namespace roberta::machine
