#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "profiles/encoder/profile.h"
#include "profiles/registry/registry.h"
#include "server/batching/job.h"
#include "server/metrics/server_metrics.h"

namespace roberta::service {

/// Runs `profile` on sequences of the given lengths, whose tokens follow one another in `token_ids`, padded to
/// `padded_length` unless that is 0, and checks every logit. Where the batch fails, or the logits of a sequence are not
/// finite, the sequences concerned run once more, each alone, so that one of them cannot fail the others. Returns a
/// status per sequence: ok, or why its part of `logits` [lengths.size(), labels] is not to be used. `team` as in
/// encoder::Profile::RunShared.
std::vector<absl::Status> RunProfile(const encoder::Profile& profile, absl::Span<const int32_t> token_ids,
                                     absl::Span<const size_t> lengths, size_t padded_length, size_t labels,
                                     absl::Span<float> logits, team::Team* team = nullptr);

/// The backend that the executors run a loaded profile with: computes logits with RunProfile and counts the batch.
/// Keeps the profile alive. There is one for each load of a profile, the attachment of registry::LoadedProfile: jobs
/// share a batch if they have the same backend.
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

/// The backend of a profile that was loaded with a ProfileBackend as its attachment.
std::shared_ptr<const batching::Backend> BackendOf(const registry::LoadedProfile& profile);

}  // namespace roberta::service
