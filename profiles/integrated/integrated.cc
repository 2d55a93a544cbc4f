#include "profiles/integrated/integrated.h"

#include <utility>

#include "profiles/encoder/packed_classifier.h"
#include "profiles/pruned/pruned.h"

namespace roberta::integrated {

namespace {

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> Load(const checkpoint::Checkpoint& checkpoint,
                                                                  checkpoint::PruningMask mask,
                                                                  encoder::Smoothing smoothing) {
  return encoder::LoadPackedClassifier(checkpoint, {.products = {kernels::Precision::kInt8},
                                                    .mixed_attention = true,
                                                    .mask = std::move(mask),
                                                    .smoothing = std::move(smoothing)});
}

}  // namespace

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadIntegrated(const checkpoint::Checkpoint& checkpoint,
                                                                            double keep_macs) {
  auto mask = pruned::MaskFor(checkpoint, keep_macs);
  if (!mask.ok()) return mask.status();
  return Load(checkpoint, *std::move(mask), {});
}

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadSmoothed(const checkpoint::Checkpoint& checkpoint,
                                                                          const encoder::Smoothing& smoothing) {
  return Load(checkpoint, {}, smoothing);
}

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadSmoothed(
    const checkpoint::Checkpoint& checkpoint, double keep_macs, absl::Span<const encoder::PackedBatch> calibration) {
  auto mask = pruned::MaskFor(checkpoint, keep_macs);
  if (!mask.ok()) return mask.status();
  auto inputs = encoder::MeasureInputs(checkpoint, *mask, calibration);
  if (!inputs.ok()) return inputs.status();
  return Load(checkpoint, *std::move(mask), {.inputs = *std::move(inputs)});
}

}  // namespace roberta::integrated
