#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"

namespace roberta::reference {

/// The eager LibTorch RoBERTa classifier on padded batches, in fp32, operation by operation as Hugging Face's
/// RobertaForSequenceClassification computes it. Tests compare other profiles with it, and it is the "before" of every
/// speed comparison, so it is kept plain on purpose. Sequences run in the order given; a batch is
/// padded to its longest sequence and split where padding would take more memory than kMaxPaddedTokens rows.
///
/// The weights are copied out of `checkpoint` (as fp32), which need not outlive the profile. It runs on the calling
/// thread alone. Errors: Internal with LibTorch's message.
absl::StatusOr<std::unique_ptr<const encoder::Profile>> LoadReferenceProfile(const checkpoint::Checkpoint& checkpoint);

/// Most rows (sequences x longest sequence) of one padded forward pass.
inline constexpr size_t kMaxPaddedTokens = 8192;

/// The version of LibTorch that this is compiled with, such as "1.13.0".
const char* LibTorchVersion();

}  // namespace roberta::reference
