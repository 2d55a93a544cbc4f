#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"

namespace roberta::reference {

/// Runs `function`, which calls LibTorch, and returns its status. An exception from LibTorch becomes Internal with its
/// message. LibTorch, and OpenBLAS if LibTorch uses it, then compute on the calling thread alone: callers bring their
/// own threads, and thread pools below those would compete with each other. Cheap after a thread's first call.
absl::Status CallTorch(absl::FunctionRef<absl::Status()> function);

/// Calls task(i) for every i below `count` as CallTorch does, and returns the first error by index. `run_all` calls
/// what it is given for each index, on threads of its choice, and returns when all of them have ended.
absl::Status CallTorchForAll(size_t count,
                             const std::function<void(size_t, const std::function<void(size_t)>&)>& run_all,
                             absl::FunctionRef<void(size_t)> task);

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
