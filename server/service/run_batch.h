#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "profiles/encoder/profile.h"

namespace roberta::service {

/// Runs `profile` on sequences of the given lengths, whose tokens stand one after another in `token_ids`, padded to
/// `padded_length` unless that is 0, and checks every logit. Where the batch fails, or a sequence's logits are not
/// finite, the sequences concerned run once more, each alone, so that one cannot harm its neighbours. Returns a status
/// per sequence: ok, or why its part of `logits` [lengths.size(), labels] is not to be used. `team` as in
/// encoder::Profile::RunShared.
std::vector<absl::Status> RunBatch(const encoder::Profile& profile, absl::Span<const int32_t> token_ids,
                                   absl::Span<const size_t> lengths, size_t padded_length, size_t labels,
                                   absl::Span<float> logits, team::Team* team = nullptr);

}  // namespace roberta::service
