#include "profiles/pruned/pruned.h"

#include <utility>

#include "profiles/encoder/packed_classifier.h"
#include "profiles/pruned/magnitude.h"

namespace roberta::pruned {

absl::StatusOr<checkpoint::PruningMask> MaskFor(const checkpoint::Checkpoint& checkpoint, double keep_macs) {
  if (!checkpoint.mask().empty()) return checkpoint::PruningMask();
  return MaskByMagnitude(checkpoint, keep_macs);
}

absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadPruned(const checkpoint::Checkpoint& checkpoint,
                                                                        double keep_macs) {
  auto mask = MaskFor(checkpoint, keep_macs);
  if (!mask.ok()) return mask.status();
  return encoder::LoadPackedClassifier(checkpoint, {.mask = *std::move(mask)});
}

}  // namespace roberta::pruned
