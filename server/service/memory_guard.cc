#include "server/service/memory_guard.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "profiles/checkpoint/files.h"
#include "profiles/errors/errors.h"
#include "server/call/failure_reason.h"

namespace roberta::service {
namespace {

using machine::MemoryUse;

/// For whoever was refused: by then a profile may have been unloaded, and large calls may have ended.
constexpr std::chrono::seconds kRetryDelay(1);

double MiB(double bytes) {
  return bytes / (1 << 20);
}

}  // namespace

std::string MemoryText(const MemoryUse& use) {
  return absl::StrFormat("%.1f MiB of %.1f MiB (%s) are in use", MiB(static_cast<double>(use.used_bytes)),
                         MiB(static_cast<double>(use.limit_bytes)), use.limited_by);
}

absl::Status CheckRoom(const std::vector<MemoryUse>& uses, int64_t bytes, double most) {
  const auto part = [most](const MemoryUse& use) { return use.of == MemoryUse::Of::kMachine ? 1 : most; };
  const auto room = [part](const MemoryUse& use) {
    return part(use) * static_cast<double>(use.limit_bytes) - static_cast<double>(use.used_bytes);
  };
  const MemoryUse& tightest = *std::ranges::min_element(uses, {}, room);
  if (static_cast<double>(bytes) <= room(tightest)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrFormat("it needs about %.1f MiB of memory, but %s, and at most %.0f %% may be: unload other profiles, "
                      "choose one with smaller weights, or raise the limit",
                      MiB(static_cast<double>(bytes)), MemoryText(tightest), 100 * part(tightest)));
}

MemoryGuard::MemoryGuard(MemoryGuardOptions options, registry::Registry* registry, metrics::ServerMetrics* metrics)
    : options_(std::move(options)), registry_(registry), metrics_(metrics), last_uses_(registry->names().size()) {}

void MemoryGuard::Check(Clock::time_point now) {
  NoteUses(now);
  std::vector<MemoryUse> uses = options_.read();
  const MemoryUse machine = uses.back();
  std::erase_if(uses, [](const MemoryUse& use) { return use.of == MemoryUse::Of::kMachine; });
  const MemoryUse nearest = uses.empty() ? machine : *std::ranges::max_element(uses, {}, &MemoryUse::share);
  metrics_->memory().Set(nearest.limit_bytes, nearest.used_bytes);
  const double share = uses.empty() ? 0 : nearest.share();
  // Once it refuses it goes on until half of the way back, lest it change its mind at every look.
  const double half_way = (options_.unload_at + options_.refuse_at) / 2;
  const bool refuses = share >= (refuses_.load(std::memory_order_relaxed) ? half_way : options_.refuse_at);
  if (refuses) {
    const std::lock_guard lock(mutex_);
    refusal_ = MemoryText(nearest);
  }
  if (refuses_.exchange(refuses) != refuses) {
    options_.warn(
        absl::StrCat("memory: ", MemoryText(nearest),
                     refuses ? ": large calls and new streams are refused" : ": all calls are admitted again"));
  }
  if (share >= options_.unload_at) {
    Relieve(nearest, now);
  } else {
    trimmed_ = exhausted_ = false;
  }
}

void MemoryGuard::NoteUses(Clock::time_point now) {
  for (size_t i = 0; i < last_uses_.size(); ++i) {
    const uint64_t batches = metrics_->batches().Counted(registry_->names()[i]);
    if (batches != std::exchange(last_uses_[i].batches, batches)) last_uses_[i].at = now;
  }
}

void MemoryGuard::Relieve(const MemoryUse& use, Clock::time_point now) {
  if (!std::exchange(trimmed_, true)) return checkpoint::ReturnFreeMemory();  // perhaps that is enough
  if (now < next_unload_) return;
  if (UnloadOne(use)) {
    next_unload_ = now + kBetweenUnloads;
  } else if (!std::exchange(exhausted_, true)) {
    options_.warn(absl::StrCat("memory: ", MemoryText(use), ", and there is no profile to unload"));
  }
}

bool MemoryGuard::UnloadOne(const MemoryUse& use) {
  std::vector<size_t> order(last_uses_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [this](size_t i) { return last_uses_[i].at; });
  for (const size_t i : order) {
    const std::string& name = registry_->names()[i];
    if (!registry_->Get(name).ok()) continue;
    auto unloaded = registry_->Unload(
        name, absl::StrCat("it was unloaded to free memory when ", MemoryText(use), "; it can be loaded again"));
    if (!unloaded.ok()) continue;  // the default, or it is being loaded
    unloaded->reset();
    checkpoint::ReturnFreeMemory();
    metrics_->memory().CountUnload();
    options_.warn(absl::StrCat("memory: ", MemoryText(use), ": unloaded profile ", name, ", the least recently used"));
    return true;
  }
  return false;
}

absl::Status MemoryGuard::CheckCall(size_t tokens) const {
  if (!refuses_.load(std::memory_order_relaxed) || tokens <= options_.large_call_tokens) return absl::OkStatus();
  return Refusal(absl::StrCat("calls of more than ", options_.large_call_tokens, " tokens"));
}

absl::Status MemoryGuard::CheckStream() const {
  if (!refuses_.load(std::memory_order_relaxed)) return absl::OkStatus();
  return Refusal("new streams");
}

absl::Status MemoryGuard::Refusal(const std::string& what) const {
  const std::lock_guard lock(mutex_);
  return call::WithRetryDelay(
      call::MakeStatus(call::FailureReason::kMemoryShort,
                       absl::StrCat("memory is short, ", refusal_, ": ", what, " are refused; try again later")),
      kRetryDelay);
}

}  // namespace roberta::service
