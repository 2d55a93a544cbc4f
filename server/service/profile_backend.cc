#include "server/service/profile_backend.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/call/failure_reason.h"
#include "server/service/admission_control.h"

namespace roberta::service {

using call::FailureReason;
using call::MakeStatus;

namespace {

bool AllFinite(absl::Span<const float> values) {
  return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

absl::Status RunAlone(const encoder::Profile& profile, absl::Span<const int32_t> token_ids, absl::Span<float> logits,
                      team::Team* team) {
  const int32_t cu_seqlens[] = {0, static_cast<int32_t>(token_ids.size())};
  absl::Status status = profile.RunShared({token_ids, cu_seqlens}, logits, team);
  if (status.ok() && !AllFinite(logits)) return absl::InternalError("the model's output is not a finite number");
  return status;
}

constexpr std::chrono::hours kFarAway(24 * 365);

absl::Status Cancelled() {
  return MakeStatus(FailureReason::kCancelled, "the client cancelled the call");
}

absl::Status DeadlinePassed() {
  return MakeStatus(FailureReason::kDeadlinePassed, "the deadline passed while the call waited");
}

}  // namespace

std::vector<absl::Status> RunProfile(const encoder::Profile& profile, absl::Span<const int32_t> token_ids,
                                     absl::Span<const size_t> lengths, size_t padded_length, size_t labels,
                                     absl::Span<float> logits, team::Team* team) {
  std::vector<int32_t> cu_seqlens = {0};
  for (size_t length : lengths) cu_seqlens.push_back(cu_seqlens.back() + static_cast<int32_t>(length));
  const encoder::PackedBatch batch = {token_ids, cu_seqlens, padded_length};
  const absl::Status whole = profile.RunShared(batch, logits, team);
  std::vector<absl::Status> statuses(lengths.size());
  for (size_t i = 0; i < lengths.size(); ++i) {
    const absl::Span<float> own = logits.subspan(i * labels, labels);
    if (!whole.ok() || !AllFinite(own)) statuses[i] = RunAlone(profile, batch.sequence(i), own, team);
  }
  return statuses;
}

ProfileBackend::ProfileBackend(registry::LoadedProfile profile, size_t labels, metrics::ServerMetrics* metrics)
    : profile_(std::move(profile)), labels_(labels), metrics_(metrics) {}

std::vector<absl::Status> ProfileBackend::Run(absl::Span<const int32_t> token_ids, absl::Span<const size_t> lengths,
                                              size_t padded_length, absl::Span<float> logits, team::Team* team) const {
  const size_t computed = padded_length > 0 ? lengths.size() * padded_length : token_ids.size();
  metrics_->batches().Count(
      profile_.name,
      {.items = lengths.size(), .tokens = token_ids.size(), .padded_tokens = computed - token_ids.size()});
  return RunProfile(*profile_.profile, token_ids, lengths, padded_length, labels_, logits, team);
}

std::shared_ptr<const batching::Backend> BackendOf(const registry::LoadedProfile& profile) {
  return std::static_pointer_cast<const ProfileBackend>(profile.attachment);
}

absl::Status Draining() {
  return MakeStatus(FailureReason::kDraining, "the server is shutting down");
}

absl::Status QueueFull(size_t items) {
  return MakeStatus(FailureReason::kQueueFull,
                    absl::StrCat("the queue has no room for ", items, " more items; try again later"));
}

absl::Status PushJob(const Parts& parts, const std::shared_ptr<batching::Job>& job, bool is_bulk) {
  const auto pushed = is_bulk ? parts.queue->PushBulk(job) : parts.queue->Push(job);
  if (pushed == batching::PushResult::kTaken) return absl::OkStatus();
  job->done = nullptr;
  if (pushed == batching::PushResult::kClosed) return Draining();
  const size_t items = job->lengths.size();
  return parts.admission->WithAdvice(QueueFull(items), items, job->token_ids.size(), parts.queue->now()());
}

absl::Status CheckStillWanted(const std::atomic<bool>& cancelled, std::chrono::system_clock::time_point deadline) {
  if (cancelled.load(std::memory_order_relaxed)) return Cancelled();
  return std::chrono::system_clock::now() >= deadline ? DeadlinePassed() : absl::OkStatus();
}

absl::Status StatusIfDropped(const batching::Job& job) {
  for (const batching::ItemResult& result : job.results) {
    if (result.outcome == batching::Outcome::kCancelled) return Cancelled();
    if (result.outcome == batching::Outcome::kExpired) return DeadlinePassed();
  }
  return absl::OkStatus();
}

void StampPhases(const batching::Job& job, call::PhaseClock* clock) {
  for (const batching::PhaseEnd& end : batching::PhasesOf(job.batches)) clock->End(end.phase, end.end);
  clock->End(call::Phase::kQueue);
}

batching::Clock::time_point SteadyDeadline(std::chrono::system_clock::time_point deadline) {
  const auto now = std::chrono::system_clock::now();
  if (deadline > now + kFarAway) return batching::Clock::time_point::max();
  if (deadline < now - kFarAway) return batching::Clock::time_point::min();
  return batching::Clock::now() + (deadline - now);
}

}  // namespace roberta::service
