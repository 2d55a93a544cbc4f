#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiles/machine/cgroups.h"

namespace roberta::machine {

/// A limit on memory, and what counts against it at one moment.
struct MemoryUse {
  enum class Of { kGroup, kProcess, kMachine };
  Of of = Of::kMachine;
  std::string limited_by;  ///< what sets the limit: a file of the kernel, a field of a config
  uint64_t limit_bytes = 0;
  /// Without the page cache, which the kernel takes back before it ends a process: files that are mapped and read
  /// only do not count, those of tmpfs do.
  uint64_t used_bytes = 0;

  double share() const { return static_cast<double>(used_bytes) / static_cast<double>(limit_bytes); }
};

/// Every limit on the memory of this process: those of GroupsOf it (version 2: the smaller of memory.max and
/// memory.high, version 1: memory.limit_in_bytes), inner groups first; `own_limit_bytes`, that counts this process
/// alone, unless it is 0; the machine's memory last. A limit of a group that is no smaller than the machine's memory
/// is none, nor is what is not as the kernel writes it. Without a count of a group's use that of this process
/// stands for it. Takes some 0.2 ms.
std::vector<MemoryUse> ReadMemory(const KernelFiles& files = {}, uint64_t own_limit_bytes = 0,
                                  const std::string& own_limit = "");

/// The smallest limit; `uses` must have one.
const MemoryUse& SmallestLimit(const std::vector<MemoryUse>& uses);

}  // namespace roberta::machine
