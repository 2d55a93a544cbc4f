#include "profiles/checkpoint/tensor_table.h"

#include "absl/strings/str_cat.h"

namespace roberta::checkpoint {
namespace {

class Table {
 public:
  std::vector<TensorSpec> Take() { return std::move(specs_); }

  void Matrix(const std::string& name, int64_t rows, int64_t columns) {
    specs_.push_back({absl::StrCat(name, ".weight"), {rows, columns}});
  }
  void Linear(const std::string& name, int64_t outputs, int64_t inputs) {
    Matrix(name, outputs, inputs);
    specs_.push_back({absl::StrCat(name, ".bias"), {outputs}});
  }
  void LayerNorm(const std::string& name, int64_t width) {
    specs_.push_back({absl::StrCat(name, ".LayerNorm.weight"), {width}});
    specs_.push_back({absl::StrCat(name, ".LayerNorm.bias"), {width}});
  }

 private:
  std::vector<TensorSpec> specs_;
};

}  // namespace

std::vector<TensorSpec> ExpectedTensors(const ModelConfig& config, const PruningMask& mask) {
  const int64_t hidden = config.hidden_size;
  Table table;
  table.Matrix("roberta.embeddings.word_embeddings", config.vocab_size, hidden);
  table.Matrix("roberta.embeddings.position_embeddings", config.max_position_embeddings, hidden);
  table.Matrix("roberta.embeddings.token_type_embeddings", config.type_vocab_size, hidden);
  table.LayerNorm("roberta.embeddings", hidden);
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string layer = absl::StrCat("roberta.encoder.layer.", i);
    const LayerMask* kept = mask.empty() ? nullptr : &mask[static_cast<size_t>(i)];
    const int64_t heads = kept == nullptr ? hidden : static_cast<int64_t>(kept->heads.size()) * config.head_size();
    const int64_t neurons = kept == nullptr ? config.intermediate_size : static_cast<int64_t>(kept->neurons.size());
    for (const char* projection : {"query", "key", "value"}) {
      table.Linear(absl::StrCat(layer, ".attention.self.", projection), heads, hidden);
    }
    table.Linear(layer + ".attention.output.dense", hidden, heads);
    table.LayerNorm(layer + ".attention.output", hidden);
    table.Linear(layer + ".intermediate.dense", neurons, hidden);
    table.Linear(layer + ".output.dense", hidden, neurons);
    table.LayerNorm(layer + ".output", hidden);
  }
  table.Linear("classifier.dense", hidden, hidden);
  table.Linear("classifier.out_proj", config.num_labels(), hidden);
  return table.Take();
}

bool IsUnusedTensor(std::string_view name) {
  return name == "roberta.embeddings.position_ids" || name == "roberta.pooler.dense.weight" ||
         name == "roberta.pooler.dense.bias";
}

}  // namespace roberta::checkpoint
