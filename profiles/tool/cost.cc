#include "profiles/tool/cost.h"

#include <functional>
#include <numeric>
#include <string_view>

#include "profiles/checkpoint/tensor.h"
#include "profiles/checkpoint/tensor_table.h"
#include "profiles/pruned/pruned.h"
#include "profiles/registry/recipes.h"

namespace roberta::tool {

namespace {

using checkpoint::Checkpoint;
using checkpoint::ModelConfig;
using checkpoint::PruningMask;
using checkpoint::TensorSpec;

constexpr char kWordEmbeddings[] = "roberta.embeddings.word_embeddings.weight";
constexpr int64_t kFloat32Bytes = 4, kBFloat16Bytes = 2, kInt8Bytes = 1;

int64_t Elements(const TensorSpec& spec) {
  return std::accumulate(spec.shape.begin(), spec.shape.end(), int64_t{1}, std::multiplies<>());
}

/// A matrix of the encoder, which a profile packs in its own precision.
bool IsProduct(const TensorSpec& spec) {
  return std::string_view(spec.name).starts_with("roberta.encoder.layer.") && spec.shape.size() == 2;
}

/// Word embeddings are read where they are mapped; all else is float32.
int64_t Weigh(const Checkpoint& checkpoint, const PruningMask& mask, int64_t product_bytes) {
  int64_t bytes = 0;
  for (const TensorSpec& spec : checkpoint::ExpectedTensors(checkpoint.config(), mask)) {
    int64_t element_bytes = IsProduct(spec) ? product_bytes : kFloat32Bytes;
    if (spec.name == kWordEmbeddings) {
      element_bytes = static_cast<int64_t>(checkpoint::DtypeBytes(checkpoint.tensor(spec.name).dtype));
    }
    bytes += Elements(spec) * element_bytes;
  }
  return bytes;
}

}  // namespace

Macs CountMacs(const ModelConfig& config, const PruningMask& mask) {
  Macs macs;
  for (const TensorSpec& spec : checkpoint::ExpectedTensors(config, mask)) {
    if (!IsProduct(spec)) continue;
    macs.linear += Elements(spec);
    // The context that attention.output reads is as wide as the queries and keys that make it.
    if (std::string_view(spec.name).ends_with(".attention.output.dense.weight")) macs.attention += 2 * spec.shape[1];
  }
  return macs;
}

int64_t CountParameters(const ModelConfig& config, const PruningMask& mask) {
  int64_t parameters = 0;
  for (const TensorSpec& spec : checkpoint::ExpectedTensors(config, mask)) parameters += Elements(spec);
  return parameters;
}

absl::StatusOr<std::vector<ProfileWeight>> WeighProfiles(const Checkpoint& model, const Checkpoint* variant) {
  const Checkpoint& small = variant == nullptr ? model : *variant;
  PruningMask kept = small.mask();
  if (kept.empty()) {
    auto made = pruned::MaskFor(small, registry::kKeepMacs);
    if (!made.ok()) return made.status();
    kept = *std::move(made);
  }
  const PruningMask& all = model.mask();
  std::vector<ProfileWeight> weights = {{"baseline", Weigh(model, all, kFloat32Bytes)},
                                        {"quantized", Weigh(model, all, kInt8Bytes)},
                                        {"pruned", Weigh(small, kept, kFloat32Bytes)},
                                        {"amp", Weigh(model, all, kBFloat16Bytes)},
                                        {"integrated", Weigh(small, kept, kInt8Bytes)}};
  if (registry::FindRecipe(registry::BuiltInRecipes(), "reference") != nullptr) {
    weights.push_back({"reference", CountParameters(model.config(), all) * kFloat32Bytes});
  }
  return weights;
}

}  // namespace roberta::tool
