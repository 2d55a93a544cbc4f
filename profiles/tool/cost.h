#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/config.h"
#include "profiles/checkpoint/pruning.h"

namespace roberta::tool {

/// Multiply-accumulates of the encoder for a token, with what `mask` keeps (empty: all), as if every layer were
/// computed for every token.
struct Macs {
  int64_t linear = 0;     ///< of the linear layers
  int64_t attention = 0;  ///< of attention itself, for each token of the same text
};
Macs CountMacs(const checkpoint::ModelConfig& config, const checkpoint::PruningMask& mask);

/// Elements of all tensors of a model.
int64_t CountParameters(const checkpoint::ModelConfig& config, const checkpoint::PruningMask& mask);

/// Memory that a profile's weights take.
struct ProfileWeight {
  std::string profile;
  int64_t bytes = 0;
};

/// What each profile of the registry would weigh, from shapes alone, without what layouts pad: of a dense `model`
/// `pruned` and `integrated` compute with `variant`, where that is not nullptr, else with what they keep at load. `amp`
/// is weighed in bfloat16, as where that is faster. Errors are those of pruned::MaskFor.
absl::StatusOr<std::vector<ProfileWeight>> WeighProfiles(const checkpoint::Checkpoint& model,
                                                         const checkpoint::Checkpoint* variant);

}  // namespace roberta::tool
