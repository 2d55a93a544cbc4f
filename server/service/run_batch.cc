#include "server/service/run_batch.h"

#include <algorithm>
#include <cmath>

namespace roberta::service {

namespace {

bool AllFinite(absl::Span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

absl::Status RunAlone(const encoder::Profile& profile, absl::Span<const int32_t> token_ids, absl::Span<float> logits) {
  const int32_t cu_seqlens[] = {0, static_cast<int32_t>(token_ids.size())};
  absl::Status status = profile.Run({token_ids, cu_seqlens}, logits);
  if (status.ok() && !AllFinite(logits)) return absl::InternalError("the model's output is not a finite number");
  return status;
}

}  // namespace

std::vector<absl::Status> RunBatch(const encoder::Profile& profile, absl::Span<const int32_t> token_ids,
                                   absl::Span<const size_t> lengths, size_t labels, absl::Span<float> logits) {
  std::vector<int32_t> cu_seqlens = {0};
  for (size_t length : lengths) cu_seqlens.push_back(cu_seqlens.back() + static_cast<int32_t>(length));
  const encoder::PackedBatch batch = {token_ids, cu_seqlens};
  const absl::Status whole = profile.Run(batch, logits);
  std::vector<absl::Status> statuses(lengths.size());
  for (size_t i = 0; i < lengths.size(); ++i) {
    const absl::Span<float> own = logits.subspan(i * labels, labels);
    if (!whole.ok() || !AllFinite(own)) statuses[i] = RunAlone(profile, batch.sequence(i), own);
  }
  return statuses;
}

}  // namespace roberta::service
