#include "server/service/profile_backend.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace roberta::service {

namespace {

bool AllFinite(absl::Span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

absl::Status RunAlone(const encoder::Profile& profile, absl::Span<const int32_t> token_ids, absl::Span<float> logits,
                      team::Team* team) {
  const int32_t cu_seqlens[] = {0, static_cast<int32_t>(token_ids.size())};
  absl::Status status = profile.RunShared({token_ids, cu_seqlens}, logits, team);
  if (status.ok() && !AllFinite(logits)) return absl::InternalError("the model's output is not a finite number");
  return status;
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

}  // namespace roberta::service
