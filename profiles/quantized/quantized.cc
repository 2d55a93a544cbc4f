#include "profiles/quantized/quantized.h"

#include <utility>

#include "profiles/encoder/input_ranges.h"
#include "profiles/encoder/packed_classifier.h"

namespace roberta::quantized {

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadQuantized(const checkpoint::Checkpoint& checkpoint) {
  return encoder::LoadPackedClassifier(checkpoint, {.products = {kernels::Precision::kInt8}});
}

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadSmoothed(
    const checkpoint::Checkpoint& checkpoint, absl::Span<const encoder::PackedBatch> calibration) {
  auto inputs = encoder::MeasureInputs(checkpoint, {}, calibration);
  if (!inputs.ok()) return inputs.status();
  return encoder::LoadPackedClassifier(
      checkpoint, {.products = {kernels::Precision::kInt8}, .mask = {}, .inputs = *std::move(inputs)});
}

}  // namespace roberta::quantized
