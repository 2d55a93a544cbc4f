#include "profiles/tool/cost.h"

#include "profiles/checkpoint/tensor.h"
#include "profiles/checkpoint/tensor_table.h"
#include "profiles/errors/errors.h"
#include "profiles/pruned/pruned.h"
#include "profiles/registry/recipes.h"

namespace roberta::tool {
namespace {

using checkpoint::Checkpoint;
using checkpoint::ModelConfig;
using checkpoint::PruningMask;
using checkpoint::TensorSpec;

constexpr int64_t kFloat32Bytes = 4;

/// Word embeddings are read where they are mapped; all else is float32.
int64_t WeighPacked(const Checkpoint& checkpoint, const PruningMask& mask, int64_t product_bytes) {
  const std::string word_embeddings = checkpoint::TensorNamesOf(checkpoint.config()).word_embeddings + ".weight";
  int64_t bytes = 0;
  for (const TensorSpec& spec : checkpoint::ExpectedTensors(checkpoint.config(), mask)) {
    int64_t element_bytes = spec.is_encoder_matrix() ? product_bytes : kFloat32Bytes;
    if (spec.name == word_embeddings) {
      element_bytes = static_cast<int64_t>(checkpoint::DtypeBytes(checkpoint.tensor(spec.name).dtype));
    }
    bytes += spec.elements() * element_bytes;
  }
  return bytes;
}

}  // namespace

Macs CountMacs(const ModelConfig& config, const PruningMask& mask) {
  Macs macs;
  for (const TensorSpec& spec : checkpoint::ExpectedTensors(config, mask)) {
    if (!spec.is_encoder_matrix()) continue;
    macs.linear += spec.elements();
    // The context that attention.output reads is as wide as the queries and keys that make it.
    if (spec.pruned_part == checkpoint::PrunedPart::kHeadColumns) macs.attention += 2 * spec.shape[1];
  }
  return macs;
}

int64_t CountParameters(const ModelConfig& config, const PruningMask& mask) {
  int64_t parameters = 0;
  for (const TensorSpec& spec : checkpoint::ExpectedTensors(config, mask)) parameters += spec.elements();
  return parameters;
}

absl::StatusOr<std::vector<ProfileWeight>> WeighProfiles(const Checkpoint& model, const Checkpoint* variant) {
  const Checkpoint& small = variant == nullptr ? model : *variant;
  PruningMask kept = small.mask();
  if (kept.empty()) {
    ASSIGN_OR_RETURN(kept, pruned::MaskFor(small, registry::kKeepMacs));
  }
  std::vector<ProfileWeight> weights;
  for (const registry::Recipe& recipe : registry::BuiltInRecipes()) {
    const Checkpoint& checkpoint = recipe.prunes ? small : model;
    const PruningMask& mask = recipe.prunes ? kept : model.mask();
    const int64_t bytes = recipe.packed ? WeighPacked(checkpoint, mask, recipe.bytes_per_weight)
                                        : CountParameters(checkpoint.config(), mask) * recipe.bytes_per_weight;
    weights.push_back({recipe.name, bytes});
  }
  return weights;
}

}  // namespace roberta::tool
