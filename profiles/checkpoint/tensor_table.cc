#include "profiles/checkpoint/tensor_table.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace roberta::checkpoint {
namespace {

/// Collects specs, those of one layer after another.
struct SpecList {
  std::vector<TensorSpec> specs;
  std::optional<size_t> layer;  ///< of what is added next

  void Matrix(const std::string& module, int64_t rows, int64_t columns, PrunedPart part = PrunedPart::kNothing) {
    specs.push_back({module + ".weight", {rows, columns}, layer, part});
  }
  void Linear(const std::string& module, int64_t outputs, int64_t inputs, PrunedPart part = PrunedPart::kNothing) {
    Matrix(module, outputs, inputs, part);
    const bool is_by_row = part == PrunedPart::kHeadRows || part == PrunedPart::kNeuronRows;
    specs.push_back({module + ".bias", {outputs}, layer, is_by_row ? part : PrunedPart::kNothing});
  }
  void LayerNorm(const std::string& module, int64_t width) {
    for (const char* tensor : {".weight", ".bias"}) {
      specs.push_back({module + tensor, {width}, layer, PrunedPart::kNothing});
    }
  }
};

}  // namespace

TensorNames TensorNamesOf(const ModelConfig& config) {
  const std::string prefix(config.family->tensor_prefix);
  TensorNames names = {.word_embeddings = prefix + "embeddings.word_embeddings",
                       .position_embeddings = prefix + "embeddings.position_embeddings",
                       .token_type_embeddings = prefix + "embeddings.token_type_embeddings",
                       .embedding_norm = prefix + "embeddings.LayerNorm",
                       .layers = {},
                       .classifier_dense = "classifier.dense",
                       .classifier_out = "classifier.out_proj"};
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string layer = absl::StrCat(prefix, "encoder.layer.", i, ".");
    names.layers.push_back({.query = layer + "attention.self.query",
                            .key = layer + "attention.self.key",
                            .value = layer + "attention.self.value",
                            .attention_output = layer + "attention.output.dense",
                            .attention_norm = layer + "attention.output.LayerNorm",
                            .intermediate = layer + "intermediate.dense",
                            .output = layer + "output.dense",
                            .output_norm = layer + "output.LayerNorm"});
  }
  return names;
}

std::vector<TensorSpec> ExpectedTensors(const ModelConfig& config, const PruningMask& mask) {
  const TensorNames names = TensorNamesOf(config);
  const int64_t hidden = config.hidden_size;
  SpecList list;
  list.Matrix(names.word_embeddings, config.vocab_size, hidden);
  list.Matrix(names.position_embeddings, config.max_position_embeddings, hidden);
  list.Matrix(names.token_type_embeddings, config.type_vocab_size, hidden);
  list.LayerNorm(names.embedding_norm, hidden);
  for (size_t i = 0; i < names.layers.size(); ++i) {
    const LayerNames& layer = names.layers[i];
    const int64_t heads = mask.empty() ? hidden : static_cast<int64_t>(mask[i].heads.size()) * config.head_size();
    const int64_t neurons = mask.empty() ? config.intermediate_size : static_cast<int64_t>(mask[i].neurons.size());
    list.layer = i;
    for (const std::string* module : {&layer.query, &layer.key, &layer.value}) {
      list.Linear(*module, heads, hidden, PrunedPart::kHeadRows);
    }
    list.Linear(layer.attention_output, hidden, heads, PrunedPart::kHeadColumns);
    list.LayerNorm(layer.attention_norm, hidden);
    list.Linear(layer.intermediate, neurons, hidden, PrunedPart::kNeuronRows);
    list.Linear(layer.output, hidden, neurons, PrunedPart::kNeuronColumns);
    list.LayerNorm(layer.output_norm, hidden);
  }
  list.layer.reset();
  list.Linear(names.classifier_dense, hidden, hidden);
  list.Linear(names.classifier_out, config.num_labels(), hidden);
  return std::move(list.specs);
}

}  // namespace roberta::checkpoint
