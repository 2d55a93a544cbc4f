#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/packed_batch.h"
#include "profiles/encoder/profile.h"
#include "profiles/encoder/recipe.h"

namespace roberta::integrated {

/// The profile `integrated`: what `pruned` keeps (see pruned::MaskFor), its products in int8 as `quantized` has them,
/// and attention in mixed precision where that is faster here. `checkpoint` must outlive it. Errors are those of
/// pruned::MaskFor and encoder::LoadPackedClassifier.
absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadIntegrated(const checkpoint::Checkpoint& checkpoint,
                                                                            double keep_macs);

/// The same of a checkpoint that is pruned already, smoothed by what was measured on it.
absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadSmoothed(const checkpoint::Checkpoint& checkpoint,
                                                                          const encoder::Smoothing& smoothing);

/// The same, smoothed as quantized::LoadSmoothed has it, by what the pruned model's inputs reach on `calibration`.
absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadSmoothed(
    const checkpoint::Checkpoint& checkpoint, double keep_macs, absl::Span<const encoder::PackedBatch> calibration);

}  // namespace roberta::integrated
