#include "tests/profiles/pruned/save_pruned.h"

#include "profiles/checkpoint/config.h"
#include "profiles/pruned/pruned.h"

namespace roberta::pruned {

absl::Status SavePruned(const checkpoint::Checkpoint& checkpoint, const checkpoint::PruningMask& mask,
                        const std::string& directory) {
  const auto tensors = PrunedTensors(checkpoint, mask, {});
  if (!tensors.ok()) return tensors.status();
  return SaveConverted(directory, checkpoint, checkpoint::ReadConfigText(checkpoint.directory()).value(),
                       checkpoint::PruningJson(mask), *tensors);
}

absl::Status SaveDense(const checkpoint::Checkpoint& checkpoint, const std::string& directory) {
  return SaveConverted(directory, checkpoint, checkpoint::ReadConfigText(checkpoint.directory()).value(), "",
                       DenseTensors(checkpoint));
}

}  // namespace roberta::pruned
