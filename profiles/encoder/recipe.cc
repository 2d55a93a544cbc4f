#include "profiles/encoder/recipe.h"

#include "profiles/encoder/packed_classifier.h"
#include "profiles/errors/errors.h"

namespace roberta::encoder {

absl::StatusOr<InputRanges> MeasureInputs(const checkpoint::Checkpoint& checkpoint, const checkpoint::PruningMask& mask,
                                          absl::Span<const PackedBatch> batches) {
  if (batches.empty()) return absl::InvalidArgumentError("there is no text to measure the ranges of inputs on");
  ASSIGN_OR_RETURN(const auto classifier, LoadPackedClassifier(checkpoint, {.mask = mask}));
  InputRanges ranges;
  std::vector<float> logits;
  for (const PackedBatch& batch : batches) {
    logits.resize(batch.sequences() * static_cast<size_t>(checkpoint.config().num_labels()));
    RETURN_IF_ERROR(classifier->RunWatched(batch, absl::MakeSpan(logits), &ranges));
  }
  return ranges;
}

}  // namespace roberta::encoder
