#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "profiles/registry/registry.h"
#include "server/batching/job.h"
#include "server/metrics/server_metrics.h"

namespace roberta::service {

/// A loaded profile as the executors' backend: computes logits, as RunBatch does, and counts the batch. Keeps the
/// profile alive.
class ProfileBackend final : public batching::Backend {
 public:
  /// `metrics` must outlive the backend.
  ProfileBackend(registry::LoadedProfile profile, size_t labels, metrics::ServerMetrics* metrics);

  std::vector<absl::Status> Run(absl::Span<const int32_t> token_ids, absl::Span<const size_t> lengths,
                                size_t padded_length, absl::Span<float> logits, team::Team* team) const override;

 private:
  const registry::LoadedProfile profile_;
  const size_t labels_;
  metrics::ServerMetrics* const metrics_;
};

}  // namespace roberta::service
