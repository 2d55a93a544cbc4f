#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"

namespace roberta::encoder {

/// RobertaForSequenceClassification on padding-free batches: no token that is not there is computed (but see
/// PackedBatch::padded_length), and of the last layer only what the head reads, the first token of each sequence. Long
/// batches are run in pieces of whole sequences, so memory is bounded; each thread that calls Run at the same time
/// costs one workspace, made at its first call and reused. With int8 a sequence's logits are the same to the bit alone
/// and in any batch: products are exact, and every other step sees one row, or one sequence, at a time.
///
/// `checkpoint` must outlive the classifier: word embeddings are read from where it is mapped. Errors: Internal where
/// the matrix library has no fast implementation, ResourceExhausted where memory is short, InvalidArgument for a mask
/// on top of a pruned checkpoint.
absl::StatusOr<std::unique_ptr<const TimedProfile>> LoadPackedClassifier(const checkpoint::Checkpoint& checkpoint,
                                                                         const Recipe& recipe);

}  // namespace roberta::encoder
