#include "profiles/encoder/packed_weights.h"

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace roberta::encoder {

namespace {

constexpr kernels::Precision kHeadPrecision = kernels::Precision::kFloat32;

/// A matrix of float32, row by row.
struct Matrix {
  std::vector<float> values;
  size_t rows = 0, columns = 0;
};

/// `indices` of blocks of `size` rows each.
std::vector<size_t> Blocks(const std::vector<int32_t>& indices, size_t size) {
  std::vector<size_t> rows;
  for (const int32_t index : indices) {
    for (size_t i = 0; i < size; ++i) rows.push_back(static_cast<size_t>(index) * size + i);
  }
  return rows;
}

/// What of a layer's tensors is kept; a nullptr keeps all.
struct Kept {
  std::optional<std::vector<size_t>> head_rows, neurons;

  static const std::vector<size_t>* Of(const std::optional<std::vector<size_t>>& rows) {
    return rows ? &*rows : nullptr;
  }
};

/// Reads the tensors of one checkpoint and packs them; the first failure is kept.
class Loader {
 public:
  Loader(const checkpoint::Checkpoint& checkpoint, int64_t max_rows, const Recipe& recipe, PackedWeights* weights)
      : checkpoint_(checkpoint), max_rows_(max_rows), recipe_(recipe), weights_(weights) {}

  absl::Status Load() {
    const checkpoint::ModelConfig& config = checkpoint_.config();
    const std::string embeddings = "roberta.embeddings.";
    weights_->position_embeddings = Read(embeddings + "position_embeddings.weight");
    weights_->token_type = Read(embeddings + "token_type_embeddings.weight");
    weights_->token_type.resize(static_cast<size_t>(config.hidden_size));
    weights_->embedding_norm = ReadNorm(embeddings + "LayerNorm");
    for (int64_t i = 0; i < config.num_hidden_layers && status_.ok(); ++i) ReadLayer(i);
    weights_->classifier_dense = Pack(ReadMatrix("classifier.dense"), Read("classifier.dense.bias"), kHeadPrecision);
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

  /// `prefix`.weight [rows, columns], of which those in `rows` and `columns` are taken; nullptr: all.
  Matrix ReadMatrix(const std::string& prefix, const std::vector<size_t>* rows = nullptr,
                    const std::vector<size_t>* columns = nullptr) {
    const checkpoint::TensorView& tensor = checkpoint_.tensor(prefix + ".weight");
    const auto all_rows = static_cast<size_t>(tensor.shape[0]), all_columns = static_cast<size_t>(tensor.shape[1]);
    Matrix matrix = {{}, rows == nullptr ? all_rows : rows->size(), columns == nullptr ? all_columns : columns->size()};
    matrix.values.resize(matrix.rows * matrix.columns);
    if (rows == nullptr && columns == nullptr) {
      checkpoint::CopyToFloat32(tensor, absl::MakeSpan(matrix.values));
      return matrix;
    }
    const size_t row_bytes = all_columns * checkpoint::DtypeBytes(tensor.dtype);
    std::vector<float> whole(all_columns);
    for (size_t r = 0; r < matrix.rows; ++r) {
      const size_t from = rows == nullptr ? r : (*rows)[r];
      checkpoint::CopyToFloat32(tensor.dtype, tensor.data.subspan(from * row_bytes, row_bytes), absl::MakeSpan(whole));
      for (size_t c = 0; c < matrix.columns; ++c) {
        matrix.values[r * matrix.columns + c] = whole[columns == nullptr ? c : (*columns)[c]];
      }
    }
    return matrix;
  }

  /// `prefix`.bias, of which the values in `rows` are taken; nullptr: all.
  std::vector<float> ReadBias(const std::string& prefix, const std::vector<size_t>* rows) {
    std::vector<float> bias = Read(prefix + ".bias");
    if (rows == nullptr) return bias;
    std::vector<float> taken;
    for (const size_t row : *rows) taken.push_back(bias[row]);
    return taken;
  }

  const kernels::LinearShape* ShapeFor(int64_t in, int64_t out, kernels::Precision precision) {
    auto& shape = weights_->shapes[{precision, in, out}];
    if (shape == nullptr) {
      auto made = kernels::LinearShape::Make(in, out, max_rows_, precision);
      if (!made.ok()) {
        status_.Update(made.status());
        weights_->shapes.erase({precision, in, out});
        return nullptr;
      }
      shape = *std::move(made);
    }
    return shape.get();
  }

  /// What products of [in] to [out] columns are computed in.
  kernels::Precision PrecisionFor(size_t in, size_t out) {
    if (recipe_.products.size() == 1 || in == 0 || out == 0) return recipe_.products.front();
    const auto [found, is_new] = chosen_.try_emplace({in, out}, recipe_.products.front());
    if (is_new) {
      const auto fastest =
          kernels::LinearShape::Fastest(static_cast<int64_t>(in), static_cast<int64_t>(out), recipe_.products);
      status_.Update(fastest.status());
      if (fastest.ok()) found->second = *fastest;
    }
    return found->second;
  }

  Linear Pack(const Matrix& matrix, std::vector<float> bias, kernels::Precision precision) {
    Linear linear;
    linear.bias = std::move(bias);
    if (!status_.ok() || matrix.values.empty()) return linear;
    linear.shape = ShapeFor(static_cast<int64_t>(matrix.columns), static_cast<int64_t>(matrix.rows), precision);
    if (linear.shape == nullptr) return linear;
    auto packed = linear.shape->Pack(matrix.values);
    status_.Update(packed.status());
    if (!packed.ok()) return linear;
    weights_->bytes += packed->bytes();
    linear.weight = *std::move(packed);
    return linear;
  }

  /// The layers `prefixes`, which read the same input, as one: their rows one below the other.
  Linear PackTogether(std::initializer_list<std::string> prefixes, const std::vector<size_t>* rows,
                      kernels::Precision precision) {
    Matrix together;
    std::vector<float> biases;
    for (const std::string& prefix : prefixes) {
      const Matrix matrix = ReadMatrix(prefix, rows);
      together.columns = matrix.columns;
      together.rows += matrix.rows;
      together.values.insert(together.values.end(), matrix.values.begin(), matrix.values.end());
      const std::vector<float> bias = ReadBias(prefix, rows);
      biases.insert(biases.end(), bias.begin(), bias.end());
    }
    return Pack(together, std::move(biases), precision);
  }

  Linear PackOne(const std::string& prefix, const std::vector<size_t>* rows, const std::vector<size_t>* columns) {
    const Matrix matrix = ReadMatrix(prefix, rows, columns);
    return Pack(matrix, ReadBias(prefix, rows), PrecisionFor(matrix.columns, matrix.rows));
  }

  Kept KeptOf(size_t layer) const {
    if (recipe_.mask.empty()) return {};
    const checkpoint::LayerMask& mask = recipe_.mask[layer];
    return {Blocks(mask.heads, static_cast<size_t>(checkpoint_.config().head_size())), Blocks(mask.neurons, 1)};
  }

  void ReadLayer(int64_t index) {
    const checkpoint::ModelConfig& config = checkpoint_.config();
    const std::string prefix = absl::StrCat("roberta.encoder.layer.", index, "."), self = prefix + "attention.self.";
    const Kept kept = KeptOf(static_cast<size_t>(index));
    const std::vector<size_t>*heads = Kept::Of(kept.head_rows), *neurons = Kept::Of(kept.neurons);
    const auto hidden = static_cast<size_t>(config.hidden_size);
    const size_t width =
        heads != nullptr ? heads->size() : static_cast<size_t>(checkpoint_.tensor(self + "query.weight").shape[0]);
    // One precision for all that attention reads.
    const kernels::Precision precision = PrecisionFor(hidden, 3 * width);
    LayerWeights layer;
    layer.heads = width / static_cast<size_t>(config.head_size());
    if (index + 1 == config.num_hidden_layers) {
      layer.query = PackTogether({self + "query"}, heads, precision);
      layer.key_value = PackTogether({self + "key", self + "value"}, heads, precision);
    } else {
      layer.query_key_value = PackTogether({self + "query", self + "key", self + "value"}, heads, precision);
    }
    layer.attention_output = PackOne(prefix + "attention.output.dense", nullptr, heads);
    layer.attention_norm = ReadNorm(prefix + "attention.output.LayerNorm");
    layer.intermediate = PackOne(prefix + "intermediate.dense", neurons, nullptr);
    layer.neurons = layer.intermediate.bias.size();
    layer.output = PackOne(prefix + "output.dense", nullptr, neurons);
    layer.output_norm = ReadNorm(prefix + "output.LayerNorm");
    weights_->layers.push_back(std::move(layer));
  }

  const checkpoint::Checkpoint& checkpoint_;
  const int64_t max_rows_;
  const Recipe& recipe_;
  std::map<std::pair<size_t, size_t>, kernels::Precision> chosen_;  ///< by in and out
  PackedWeights* const weights_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const PackedWeights>> PackedWeights::Load(const checkpoint::Checkpoint& checkpoint,
                                                                         int64_t max_rows, const Recipe& recipe) {
  auto weights = std::make_unique<PackedWeights>();
  absl::Status status = Loader(checkpoint, max_rows, recipe, weights.get()).Load();
  if (!status.ok()) return status;
  return weights;
}

}  // namespace roberta::encoder
