#include "profiles/integrated/integrated.h"

#include <utility>

#include "profiles/encoder/packed_classifier.h"
#include "profiles/pruned/pruned.h"

namespace roberta::integrated {

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadIntegrated(const checkpoint::Checkpoint& checkpoint,
                                                                            double keep_macs) {
  auto mask = pruned::MaskFor(checkpoint, keep_macs);
  if (!mask.ok()) return mask.status();
  return encoder::LoadPackedClassifier(checkpoint,
                                       {.products = {kernels::Precision::kInt8},
                                        .mixed_attention = true,
                                        .mask = *std::move(mask)});
}

}  // namespace roberta::integrated
