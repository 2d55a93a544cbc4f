#include "profiles/baseline/baseline.h"

#include "profiles/reference/reference_profile.h"

namespace roberta::baseline {

absl::StatusOr<std::unique_ptr<const encoder::Profile>> LoadBaseline(const checkpoint::Checkpoint& checkpoint) {
  return reference::LoadReferenceProfile(checkpoint);
}

}  // namespace roberta::baseline
