#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/checkpoint/config.h"
#include "profiles/checkpoint/pruning.h"

namespace roberta::checkpoint {

/// A tensor that a model of a given config must have. One table drives loading, checking, inspecting and writing.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
};

/// Every tensor of a RobertaForSequenceClassification, in the order of computation. Weights of linear layers are
/// [outputs, inputs], as Hugging Face stores them. With a `mask`, layers have the widths that it keeps.
std::vector<TensorSpec> ExpectedTensors(const ModelConfig& config, const PruningMask& mask = {});

/// True for tensors that old saves carry and the classifier never reads: roberta.embeddings.position_ids (a buffer that
/// counts 0, 1, 2, ...) and roberta.pooler.dense.{weight,bias} (the classification head reads <s> without a pooler).
/// They are allowed with any shape, and ignored.
bool IsUnusedTensor(std::string_view name);

}  // namespace roberta::checkpoint
