#include "profiles/baseline/baseline.h"

#include "profiles/encoder/packed_classifier.h"

namespace roberta::baseline {

absl::StatusOr<std::unique_ptr<const encoder::Profile>> LoadBaseline(const checkpoint::Checkpoint& checkpoint) {
  return encoder::LoadPackedClassifier(checkpoint, kernels::Precision::kFloat32);
}

}  // namespace roberta::baseline
