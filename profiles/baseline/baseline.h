#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"

namespace roberta::baseline {

/// The profile `baseline`: the whole model in fp32, on padding-free batches. `checkpoint` must outlive it. Errors are
/// those of encoder::LoadPackedClassifier.
absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadBaseline(const checkpoint::Checkpoint& checkpoint);

}  // namespace roberta::baseline
