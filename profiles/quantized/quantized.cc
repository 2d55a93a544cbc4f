#include "profiles/quantized/quantized.h"

#include "profiles/encoder/packed_classifier.h"

namespace roberta::quantized {

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadQuantized(const checkpoint::Checkpoint& checkpoint) {
  return encoder::LoadPackedClassifier(checkpoint,
                                       {.products = {kernels::Precision::kInt8}});
}

}  // namespace roberta::quantized
