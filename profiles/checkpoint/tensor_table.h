#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/checkpoint/config.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/checkpoint/tensor.h"

namespace roberta::checkpoint {

/// What the modules of one layer are called in the files. Like those of TensorNames they have no ".weight" or ".bias"
/// at the end.
struct LayerNames {
  std::string query, key, value, attention_output, attention_norm, intermediate, output, output_norm;
};

/// What the modules of a model are called in the files. Nothing else knows these names.
struct TensorNames {
  std::string word_embeddings, position_embeddings, token_type_embeddings, embedding_norm;
  std::vector<LayerNames> layers;
  std::string classifier_dense, classifier_out;
};

TensorNames TensorNamesOf(const ModelConfig& config);

/// What of a tensor goes when its layer is pruned.
enum class PrunedPart { kNothing, kHeadRows, kHeadColumns, kNeuronRows, kNeuronColumns };

/// A tensor that a model of a given config must have. One table drives loading, checking, inspecting and writing.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  std::optional<size_t> layer = std::nullopt;  ///< of the encoder that it belongs to
  PrunedPart pruned_part = PrunedPart::kNothing;

  int64_t elements() const { return ElementsOf(shape); }
  /// Whether it is the matrix of one of the encoder's linear layers, which profiles pack in their own precision.
  bool is_encoder_matrix() const { return layer && shape.size() == 2; }
};

/// Every tensor of a model, in the order of computation. Weights of linear layers are [outputs, inputs], as Hugging
/// Face stores them. With a `mask`, layers have the widths that it keeps.
std::vector<TensorSpec> ExpectedTensors(const ModelConfig& config, const PruningMask& mask = {});

}  // namespace roberta::checkpoint
