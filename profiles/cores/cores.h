#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace roberta::cores {

/// What this process may use of the machine.
struct CpuBudget {
  uint32_t affinity_cores = 1;  ///< cores it may be scheduled on
  double quota_cores = 0;       ///< of the cgroup's CPU quota; 0: none
  /// Whole cores worth running a thread on: the smaller of the two, quota rounded up; at least 1.
  uint32_t usable() const;
};

/// Reads affinity and the smallest quota (v2 cpu.max, else v1 cpu.cfs_*) of the cgroup that `membership_file` names and
/// of those that it is in, up to `cgroup_root`; of the latter alone where there is no such cgroup below it.
CpuBudget ReadCpuBudget(const std::string& cgroup_root = "/sys/fs/cgroup",
                        const std::string& membership_file = "/proc/self/cgroup");

/// Runs task(0) to task(count - 1), each once and about in that order, on `threads` threads (one at least, and no more
/// than tasks), and returns when all have ended. One thread is the calling one. Tasks must not throw.
void RunOnThreads(size_t threads, size_t count, const std::function<void(size_t)>& task);

}  // namespace roberta::cores
