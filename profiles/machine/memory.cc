#include "profiles/machine/memory.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

namespace roberta::machine {
namespace {

uint64_t Less(uint64_t of, uint64_t by) {
  return of > by ? of - by : 0;
}

/// Memory of this process that is in no file.
uint64_t ProcessBytes(const KernelFiles& files) {
  const std::string status = ReadStart(files.proc + "/self/status");
  return (NumberOf(status, "RssAnon:").value_or(0) + NumberOf(status, "RssShmem:").value_or(0)) << 10;
}

MemoryUse MachineUse(const KernelFiles& files) {
  const std::string text = ReadStart(files.proc + "/meminfo");
  MemoryUse use;
  use.limited_by = "the machine's memory";
  use.limit_bytes = NumberOf(text, "MemTotal:").value_or(0) << 10;
  if (use.limit_bytes == 0) {
    use.limit_bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  }
  const auto available = NumberOf(text, "MemAvailable:");
  use.used_bytes = available ? Less(use.limit_bytes, *available << 10) : ProcessBytes(files);
  return use;
}

/// limit_bytes is 0 if the group has none.
MemoryUse GroupUse(const KernelFiles& files, const std::string& group) {
  MemoryUse use;
  use.of = MemoryUse::Of::kGroup;
  for (const char* name : {"/memory.max", "/memory.high", "/memory.limit_in_bytes"}) {
    const uint64_t limit = NumberIn(ReadStart(group + name)).value_or(0);
    if (limit == 0 || (use.limit_bytes > 0 && limit >= use.limit_bytes)) continue;
    use.limit_bytes = limit;
    use.limited_by = group + name;
  }
  if (use.limit_bytes == 0) return use;
  std::optional<uint64_t> used = NumberIn(ReadStart(group + "/memory.current"));
  std::string prefix;
  if (!used) {
    used = NumberIn(ReadStart(group + "/memory.usage_in_bytes"));
    prefix = "total_";  // with the groups below, which count against the limit as well
  }
  const std::string stat = used ? ReadStart(group + "/memory.stat") : "";
  const uint64_t cache =
      NumberOf(stat, prefix + "active_file").value_or(0) + NumberOf(stat, prefix + "inactive_file").value_or(0);
  use.used_bytes = used ? Less(*used, cache) : ProcessBytes(files);
  return use;
}

}  // namespace

std::vector<MemoryUse> ReadMemory(const KernelFiles& files, uint64_t own_limit_bytes, const std::string& own_limit) {
  std::vector<MemoryUse> uses;
  MemoryUse machine = MachineUse(files);
  for (const std::string& group : GroupsOf(files, "memory")) {
    MemoryUse use = GroupUse(files, group);
    if (use.limit_bytes > 0 && use.limit_bytes < machine.limit_bytes) uses.push_back(std::move(use));
  }
  if (own_limit_bytes > 0) {
    uses.push_back({MemoryUse::Of::kProcess, own_limit, own_limit_bytes, ProcessBytes(files)});
  }
  uses.push_back(std::move(machine));
  return uses;
}

const MemoryUse& SmallestLimit(const std::vector<MemoryUse>& uses) {
  return *std::ranges::min_element(uses, {}, &MemoryUse::limit_bytes);
}

}  // namespace roberta::machine
