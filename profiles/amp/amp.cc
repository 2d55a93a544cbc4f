#include "profiles/amp/amp.h"

#include "profiles/encoder/packed_classifier.h"

namespace roberta::amp {

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadAmp(const checkpoint::Checkpoint& checkpoint) {
  return encoder::LoadPackedClassifier(
      checkpoint, {.products = {kernels::Precision::kFloat32, kernels::Precision::kBFloat16}, .mixed_attention = true});
}

}  // namespace roberta::amp
