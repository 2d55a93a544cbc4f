#include "server/service/profile_backend.h"

#include <utility>

#include "server/service/run_batch.h"

namespace roberta::service {

ProfileBackend::ProfileBackend(registry::LoadedProfile profile, size_t labels, metrics::ServerMetrics* metrics)
    : profile_(std::move(profile)), labels_(labels), metrics_(metrics) {}

std::vector<absl::Status> ProfileBackend::Run(absl::Span<const int32_t> token_ids, absl::Span<const size_t> lengths,
                                              size_t padded_length, absl::Span<float> logits, team::Team* team) const {
  const size_t computed = padded_length > 0 ? lengths.size() * padded_length : token_ids.size();
  metrics_->batches().Count(
      profile_.name,
      {.items = lengths.size(), .tokens = token_ids.size(), .padded_tokens = computed - token_ids.size()});
  return RunBatch(*profile_.profile, token_ids, lengths, padded_length, labels_, logits, team);
}

}  // namespace roberta::service
