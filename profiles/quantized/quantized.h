#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/packed_batch.h"
#include "profiles/encoder/profile.h"
#include "profiles/encoder/recipe.h"

namespace roberta::quantized {

/// The profile `quantized`: dynamic int8. The encoder's weights are bytes with a scale for each output channel, its
/// activations bytes with a scale and a zero point for each token, found while it runs; sums are exact in int32.
/// LayerNorm, softmax, the residual stream and the head are float32. `checkpoint` must outlive it. Errors are those of
/// encoder::LoadPackedClassifier.
absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadQuantized(const checkpoint::Checkpoint& checkpoint);

/// The same, smoothed. `smoothing` must have been measured on `checkpoint`; it need not live on.
absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadSmoothed(const checkpoint::Checkpoint& checkpoint,
                                                                          const encoder::Smoothing& smoothing);

/// The same, smoothed by the ranges that inputs reach on `calibration`: the model runs over it once, in float32.
/// Further errors: those of encoder::MeasureInputs.
absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadSmoothed(
    const checkpoint::Checkpoint& checkpoint, absl::Span<const encoder::PackedBatch> calibration);

}  // namespace roberta::quantized
