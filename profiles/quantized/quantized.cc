#include "profiles/quantized/quantized.h"

#include <utility>

#include "profiles/encoder/packed_classifier.h"

namespace roberta::quantized {

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadQuantized(const checkpoint::Checkpoint& checkpoint) {
  return encoder::LoadPackedClassifier(checkpoint, {.products = {kernels::Precision::kInt8}});
}

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadSmoothed(const checkpoint::Checkpoint& checkpoint,
                                                                          const encoder::Smoothing& smoothing) {
  return encoder::LoadPackedClassifier(checkpoint,
                                       {.products = {kernels::Precision::kInt8}, .mask = {}, .smoothing = smoothing});
}

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadSmoothed(
    const checkpoint::Checkpoint& checkpoint, absl::Span<const encoder::PackedBatch> calibration) {
  auto inputs = encoder::MeasureInputs(checkpoint, {}, calibration);
  if (!inputs.ok()) return inputs.status();
  return LoadSmoothed(checkpoint, encoder::Smoothing{.inputs = *std::move(inputs)});
}

}  // namespace roberta::quantized
