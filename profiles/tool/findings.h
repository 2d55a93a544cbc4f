#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/config.h"
#include "profiles/checkpoint/problem.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/encoder/calibration.h"

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

/// One checkpoint, and what lies beside its weights.
struct Examined {
  std::shared_ptr<const checkpoint::Checkpoint> checkpoint;  ///< nullptr if it cannot be opened
  checkpoint::PruningRecord pruning;
  std::optional<encoder::Calibration> calibration;
};

/// What inspect reports about a directory.
struct Findings {
  std::string directory;
  std::vector<checkpoint::Problem> problems;  ///< with all that it holds
  Examined model;
  std::optional<Examined> variant;           ///< the pruned one of a dense model, if it has one that can be opened
  std::string sample;                        ///< what there is to compare profiles on, in a line
  size_t vocabulary_tokens = 0;              ///< 0 if the vocabulary cannot be read
  std::vector<std::string> tokenizer_notes;  ///< see Tokenizer::notes
  std::vector<ProfileWeight> weights;        ///< of each profile; empty if the model cannot be opened
};

/// Opens all that `directory` holds.
Findings Examine(const std::string& directory);

}  // namespace roberta::tool
