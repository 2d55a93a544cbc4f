#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/problem.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/encoder/calibration.h"
#include "profiles/tool/cost.h"

namespace roberta::tool {

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
  std::optional<Examined> variant;     ///< the pruned one of a dense model, if it has one that can be opened
  size_t vocabulary_tokens = 0;        ///< 0 if the vocabulary cannot be read
  std::vector<ProfileWeight> weights;  ///< of each profile; empty if the model cannot be opened
};

/// Opens all that `directory` holds.
Findings Examine(const std::string& directory);

}  // namespace roberta::tool
