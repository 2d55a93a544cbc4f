#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "profiles/machine/memory.h"
#include "profiles/registry/registry.h"
#include "server/metrics/server_metrics.h"

namespace roberta::service {

/// "471.2 MiB of 512.0 MiB (/sys/fs/cgroup/memory.max) are in use".
std::string MemoryText(const machine::MemoryUse& use);

/// FailedPrecondition, with what is needed, the limit, and what to do, if `bytes` more would fill more than the share
/// `most` of one of the limits, or the machine's memory.
absl::Status CheckRoom(const std::vector<machine::MemoryUse>& uses, int64_t bytes, double most);

struct MemoryGuardOptions {
  double unload_at = 0.9;        ///< share of a limit in use at which profiles are unloaded
  double refuse_at = 0.95;       ///< and at which large calls and new streams are refused
  size_t large_call_tokens = 0;  ///< a call of more is large
  std::function<std::vector<machine::MemoryUse>()> read;
  std::function<void(const std::string& line)> warn;  ///< what it did, for the log; called by Check alone
};

/// Sheds load before the kernel ends the process for its memory: gives free memory back, then unloads profiles that can
/// be loaded again, the least recently used first and never the default, then refuses what would take most. Limits of
/// cgroups and of the config count, but not what others use of the machine's memory.
class MemoryGuard {
 public:
  using Clock = std::chrono::steady_clock;
  /// The memory of a profile is free when the calls that it answers have ended: as long is waited before the next one.
  static constexpr std::chrono::seconds kBetweenUnloads{1};

  /// Both must outlive this.
  MemoryGuard(MemoryGuardOptions options, registry::Registry* registry, metrics::ServerMetrics* metrics);

  /// Looks at the use, and unloads at most one profile. One thread at a time, a few times a second.
  void Check(Clock::time_point now);

  /// For a call of `tokens`, and for a new stream. Failure reason: kMemoryShort, with a retry delay. Any thread may
  /// call; an atomic load while there is memory.
  absl::Status CheckCall(size_t tokens) const;
  absl::Status CheckStream() const;

 private:
  void NoteUses(Clock::time_point now);
  void Relieve(const machine::MemoryUse& use, Clock::time_point now);
  bool UnloadOne(const machine::MemoryUse& use);
  absl::Status Refusal(const std::string& what) const;

  const MemoryGuardOptions options_;
  registry::Registry* const registry_;
  metrics::ServerMetrics* const metrics_;
  // Of Check alone.
  struct LastUse {
    uint64_t batches = 0;
    Clock::time_point at;
  };
  std::vector<LastUse> last_uses_;  ///< as Registry::names
  bool trimmed_ = false;            ///< free memory was given back since the limit came near
  bool exhausted_ = false;          ///< and there was no profile to unload
  Clock::time_point next_unload_;

  std::atomic<bool> refuses_{false};
  mutable std::mutex mutex_;
  std::string refusal_;  ///< guarded by mutex_: MemoryText of the use for which it refuses
};

}  // namespace roberta::service
