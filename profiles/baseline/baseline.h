#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"

namespace roberta::baseline {

/// The profile `baseline`: the whole model in fp32. It computes with the LibTorch reference model.
/// `checkpoint` need not outlive the profile. Errors are those of reference::LoadReferenceProfile.
absl::StatusOr<std::unique_ptr<const encoder::Profile>> LoadBaseline(const checkpoint::Checkpoint& checkpoint);

}  // namespace roberta::baseline
