#include "profiles/baseline/baseline.h"

#include "profiles/encoder/packed_classifier.h"

namespace roberta::baseline {

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadBaseline(const checkpoint::Checkpoint& checkpoint) {
  return encoder::LoadPackedClassifier(checkpoint, {});
}

}  // namespace roberta::baseline
