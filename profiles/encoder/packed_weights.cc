#include "profiles/encoder/packed_weights.h"

#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"

namespace roberta::encoder {

namespace {

/// Reads the tensors of one checkpoint and packs them; the first failure is kept.
class Loader {
 public:
  Loader(const checkpoint::Checkpoint& checkpoint, int64_t max_rows, kernels::Precision precision,
         PackedWeights* weights)
      : checkpoint_(checkpoint), max_rows_(max_rows), precision_(precision), weights_(weights) {}

  absl::Status Load() {
    const checkpoint::ModelConfig& config = checkpoint_.config();
    const std::string embeddings = "roberta.embeddings.";
    weights_->position_embeddings = Read(embeddings + "position_embeddings.weight");
    weights_->token_type = Read(embeddings + "token_type_embeddings.weight");
    weights_->token_type.resize(static_cast<size_t>(config.hidden_size));
    weights_->embedding_norm = ReadNorm(embeddings + "LayerNorm");
    for (int64_t i = 0; i < config.num_hidden_layers && status_.ok(); ++i) {
      ReadLayer(absl::StrCat("roberta.encoder.layer.", i, "."), i + 1 == config.num_hidden_layers);
    }
    precision_ = kernels::Precision::kFloat32;
    weights_->classifier_dense = Pack({"classifier.dense"}, config.hidden_size, config.hidden_size);
    weights_->classifier_weight = Read("classifier.out_proj.weight");
    weights_->classifier_bias = Read("classifier.out_proj.bias");
    return status_;
  }

 private:
  std::vector<float> Read(const std::string& name) {
    const checkpoint::TensorView& tensor = checkpoint_.tensor(name);
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    checkpoint::CopyToFloat32(tensor, absl::MakeSpan(values));
    weights_->bytes += static_cast<int64_t>(values.size() * sizeof(float));
    return values;
  }

  NormWeights ReadNorm(const std::string& prefix) {
    return {Read(prefix + ".weight"), Read(prefix + ".bias"), static_cast<float>(checkpoint_.config().layer_norm_eps)};
  }

  const kernels::LinearShape* ShapeFor(int64_t in, int64_t out) {
    auto& shape = weights_->shapes[{precision_, in, out}];
    if (shape == nullptr) {
      auto made = kernels::LinearShape::Make(in, out, max_rows_, precision_);
      if (!made.ok()) {
        status_.Update(made.status());
        return nullptr;
      }
      shape = *std::move(made);
    }
    return shape.get();
  }

  /// The layers `prefixes`, which read the same input, as one: their rows one below the other.
  Linear Pack(std::initializer_list<std::string> prefixes, int64_t in, int64_t out) {
    Linear linear;
    if (!status_.ok()) return linear;
    std::vector<float> rows;
    for (const std::string& prefix : prefixes) {
      const checkpoint::TensorView& weight = checkpoint_.tensor(prefix + ".weight");
      const size_t before = rows.size();
      rows.resize(before + static_cast<size_t>(weight.elements()));
      checkpoint::CopyToFloat32(weight, absl::MakeSpan(rows).subspan(before));
      const std::vector<float> bias = Read(prefix + ".bias");
      linear.bias.insert(linear.bias.end(), bias.begin(), bias.end());
    }
    linear.shape = ShapeFor(in, out);
    if (linear.shape == nullptr) return linear;
    auto packed = linear.shape->Pack(rows);
    status_.Update(packed.status());
    if (!packed.ok()) return linear;
    weights_->bytes += packed->bytes();
    linear.weight = *std::move(packed);
    return linear;
  }

  void ReadLayer(const std::string& prefix, bool is_last) {
    const checkpoint::ModelConfig& config = checkpoint_.config();
    const int64_t hidden = config.hidden_size, intermediate = config.intermediate_size;
    const std::string self = prefix + "attention.self.";
    LayerWeights layer;
    if (is_last) {
      layer.query = Pack({self + "query"}, hidden, hidden);
      layer.key_value = Pack({self + "key", self + "value"}, hidden, 2 * hidden);
    } else {
      layer.query_key_value = Pack({self + "query", self + "key", self + "value"}, hidden, 3 * hidden);
    }
    layer.attention_output = Pack({prefix + "attention.output.dense"}, hidden, hidden);
    layer.attention_norm = ReadNorm(prefix + "attention.output.LayerNorm");
    layer.intermediate = Pack({prefix + "intermediate.dense"}, hidden, intermediate);
    layer.output = Pack({prefix + "output.dense"}, intermediate, hidden);
    layer.output_norm = ReadNorm(prefix + "output.LayerNorm");
    weights_->layers.push_back(std::move(layer));
  }

  const checkpoint::Checkpoint& checkpoint_;
  const int64_t max_rows_;
  kernels::Precision precision_;  ///< of what is packed next
  PackedWeights* const weights_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const PackedWeights>> PackedWeights::Load(const checkpoint::Checkpoint& checkpoint,
                                                                         int64_t max_rows,
                                                                         kernels::Precision precision) {
  auto weights = std::make_unique<PackedWeights>();
  absl::Status status = Loader(checkpoint, max_rows, precision, weights.get()).Load();
  if (!status.ok()) return status;
  return weights;
}

}  // namespace roberta::encoder
