#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"

namespace roberta::amp {

/// The profile `amp`: mixed precision. Each shape of matrix product is computed in bfloat16 where a measurement at load
/// finds that faster on this host than float32, attention likewise; sums, LayerNorm, softmax, the residual stream and
/// the head are float32. Where bfloat16 never pays it is `baseline`, and says fp32. `checkpoint` must outlive it.
/// Errors are those of encoder::LoadPackedClassifier.
absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadAmp(const checkpoint::Checkpoint& checkpoint);

}  // namespace roberta::amp
