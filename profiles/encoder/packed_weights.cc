#include "profiles/encoder/packed_weights.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"

namespace roberta::encoder {
namespace {

constexpr kernels::Precision kHeadPrecision = kernels::Precision::kFloat32;

/// A matrix of float32, row by row.
struct Matrix {
  std::vector<float> values;
  size_t rows = 0, columns = 0;
};

/// Weights that are packed in this process, for as long as a profile holds them. Threads: any.
class SharedWeights {
 public:
  struct Key {
    const checkpoint::Checkpoint* checkpoint;
    kernels::Precision precision;
    std::string tensors;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  using Weight = std::shared_ptr<const kernels::PackedWeight>;

  static SharedWeights& Get() {
    static auto* const shared = new SharedWeights;
    return *shared;
  }
  Weight Find(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    return found == known_.end() ? nullptr : found->second.lock();
  }
  void Add(const Key& key, const Weight& weight) {
    const std::lock_guard lock(mutex_);
    std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
    known_[key] = weight;
  }

 private:
  std::mutex mutex_;
  std::map<Key, std::weak_ptr<const kernels::PackedWeight>> known_;
};

/// Reads the tensors of one checkpoint and packs them; the first failure is kept.
class Loader {
 public:
  Loader(const checkpoint::Checkpoint& checkpoint, int64_t max_rows, const Recipe& recipe, PackedWeights* weights)
      : checkpoint_(checkpoint),
        names_(checkpoint::TensorNamesOf(checkpoint.config())),
        max_rows_(max_rows),
        recipe_(recipe),
        weights_(weights) {}

  absl::Status Load() {
    const checkpoint::ModelConfig& config = checkpoint_.config();
    weights_->position_embeddings = Read(names_.position_embeddings + ".weight");
    weights_->token_type = Read(names_.token_type_embeddings + ".weight");
    weights_->token_type.resize(static_cast<size_t>(config.hidden_size));
    weights_->embedding_norm = ReadNorm(names_.embedding_norm);
    for (size_t i = 0; i < names_.layers.size() && status_.ok(); ++i) ReadLayer(i);
    weights_->classifier_dense = Pack({names_.classifier_dense}, nullptr, nullptr, kHeadPrecision, nullptr);
    weights_->classifier_weight = Read(names_.classifier_out + ".weight");
    weights_->classifier_bias = Read(names_.classifier_out + ".bias");
    return status_;
  }

 private:
  std::vector<float> Read(const std::string& name) {
    const checkpoint::TensorView& tensor = checkpoint_.tensor(name);
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    checkpoint::CopyToFloat32(tensor, absl::MakeSpan(values));
    CheckFinite(name, values);
    weights_->bytes += static_cast<int64_t>(values.size() * sizeof(float));
    return values;
  }

  /// A broken weight would make every answer NaN, or none, where int8 hides it.
  void CheckFinite(const std::string& name, absl::Span<const float> values) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i])) continue;
      status_.Update(errors::InvalidArgument(checkpoint_.directory(), ": tensor \"", name, "\" holds ", values[i],
                                             " at element ", i));
      return;
    }
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
      CheckFinite(prefix + ".weight", matrix.values);
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
    CheckFinite(prefix + ".weight", matrix.values);
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

  /// The layers `prefixes`, which read the same input, as one: their rows one below the other. Of the weights those in
  /// `rows` and `columns` are taken; nullptr: all. They are read only if they are not packed yet.
  Linear Pack(std::initializer_list<std::string> prefixes, const std::vector<size_t>* rows,
              const std::vector<size_t>* columns, kernels::Precision precision, const std::vector<float>* inputs) {
    Linear linear;
    for (const std::string& prefix : prefixes) {
      const std::vector<float> bias = ReadBias(prefix, rows);
      linear.bias.insert(linear.bias.end(), bias.begin(), bias.end());
    }
    const size_t in = columns != nullptr ? columns->size() : Width(*prefixes.begin());
    if (!status_.ok() || in == 0 || linear.bias.empty()) return linear;
    linear.shape = ShapeFor(static_cast<int64_t>(in), static_cast<int64_t>(linear.bias.size()), precision);
    if (linear.shape == nullptr) return linear;
    const bool is_smoothed = inputs != nullptr && precision == kernels::Precision::kInt8;
    const bool is_whole = rows == nullptr && columns == nullptr && !is_smoothed;
    const SharedWeights::Key key = {&checkpoint_, precision, absl::StrJoin(prefixes, "+")};
    if (is_whole) linear.weight = SharedWeights::Get().Find(key);
    if (linear.weight == nullptr) {
      Matrix together = ReadTogether(prefixes, rows, columns);
      if (is_smoothed) {
        linear.input_factor = Smooth(*inputs, recipe_.smoothing.alpha, &together);
        CheckFinite(*prefixes.begin() + ", smoothed", together.values);  // a range may be as large as it likes
        CheckFinite(*prefixes.begin() + ", smoothed, input", linear.input_factor);
      }
      linear.weight = PackAnew(together, *linear.shape);
      if (linear.weight != nullptr && is_whole) SharedWeights::Get().Add(key, linear.weight);
    }
    if (linear.weight != nullptr) weights_->bytes += linear.weight->bytes();
    return linear;
  }

  Matrix ReadTogether(std::initializer_list<std::string> prefixes, const std::vector<size_t>* rows,
                      const std::vector<size_t>* columns) {
    Matrix together = ReadMatrix(*prefixes.begin(), rows, columns);
    const size_t size = together.values.size();
    together.values.resize(size * prefixes.size());  // the table of tensors has them all of one shape
    for (size_t i = 1; i < prefixes.size(); ++i) {
      const Matrix matrix = ReadMatrix(prefixes.begin()[i], rows, columns);
      std::copy_n(matrix.values.data(), size, together.values.data() + i * size);
      together.rows += matrix.rows;
    }
    return together;
  }

  /// Multiplies each column of `matrix` as Smoothing::alpha says, scaled to a geometric mean of 1; returns what the
  /// inputs must be multiplied by in turn.
  static std::vector<float> Smooth(const std::vector<float>& inputs, float alpha, Matrix* matrix) {
    constexpr float kLeast = 1e-5f;  // of a range that is divided by
    std::vector<float> moved(matrix->columns, kLeast);
    for (size_t i = 0; i < matrix->values.size(); ++i) {
      float& largest = moved[i % matrix->columns];
      largest = std::max(largest, std::abs(matrix->values[i]));
    }
    double logarithms = 0;
    for (size_t c = 0; c < moved.size(); ++c) {
      moved[c] = std::pow(std::max(inputs[c], kLeast), alpha) / std::pow(moved[c], 1 - alpha);
      logarithms += std::log(static_cast<double>(moved[c]));
    }
    const auto mean = static_cast<float>(std::exp(logarithms / static_cast<double>(moved.size())));
    std::vector<float> factors;
    for (float& factor : moved) {
      factor /= mean;
      factors.push_back(1 / factor);
    }
    for (size_t i = 0; i < matrix->values.size(); ++i) matrix->values[i] *= moved[i % matrix->columns];
    return factors;
  }

  SharedWeights::Weight PackAnew(const Matrix& matrix, const kernels::LinearShape& shape) {
    if (!status_.ok()) return nullptr;
    auto packed = shape.Pack(matrix.values);
    status_.Update(packed.status());
    return packed.ok() ? std::make_shared<const kernels::PackedWeight>(*std::move(packed)) : nullptr;
  }

  /// Inputs of a linear layer as it is stored.
  size_t Width(const std::string& prefix) const {
    return static_cast<size_t>(checkpoint_.tensor(prefix + ".weight").shape[1]);
  }

  Linear PackOne(const std::string& prefix, const std::vector<size_t>* rows, const std::vector<size_t>* columns,
                 const std::vector<float>* inputs) {
    const size_t in = columns != nullptr ? columns->size() : Width(prefix);
    const size_t out =
        rows != nullptr ? rows->size() : static_cast<size_t>(checkpoint_.tensor(prefix + ".weight").shape[0]);
    return Pack({prefix}, rows, columns, PrecisionFor(in, out), inputs);
  }

  static const std::vector<float>* Of(const LayerInputs* inputs, std::vector<float> LayerInputs::*of) {
    return inputs == nullptr ? nullptr : &(inputs->*of);
  }

  void ReadLayer(size_t index) {
    const checkpoint::ModelConfig& config = checkpoint_.config();
    const checkpoint::LayerNames& names = names_.layers[index];
    const bool is_cut = !recipe_.mask.empty();
    const checkpoint::LayerMask mask = is_cut ? recipe_.mask[index] : checkpoint::LayerMask();
    const std::vector<size_t> head_rows = checkpoint::BlocksOf(mask.heads, static_cast<size_t>(config.head_size()));
    const std::vector<size_t> neuron_rows = checkpoint::BlocksOf(mask.neurons, 1);
    const std::vector<size_t>*heads = is_cut ? &head_rows : nullptr, *neurons = is_cut ? &neuron_rows : nullptr;
    const InputRanges& ranges = recipe_.smoothing.inputs;
    const LayerInputs* inputs = ranges.empty() ? nullptr : &ranges[index];
    const auto hidden = static_cast<size_t>(config.hidden_size);
    const size_t width =
        heads != nullptr ? heads->size() : static_cast<size_t>(checkpoint_.tensor(names.query + ".weight").shape[0]);
    // One precision for all that attention reads.
    const kernels::Precision precision = PrecisionFor(hidden, 3 * width);
    LayerWeights layer;
    layer.heads = width / static_cast<size_t>(config.head_size());
    if (index + 1 == names_.layers.size()) {
      layer.query = Pack({names.query}, heads, nullptr, precision, Of(inputs, &LayerInputs::query_key_value));
      layer.key_value =
          Pack({names.key, names.value}, heads, nullptr, precision, Of(inputs, &LayerInputs::query_key_value));
    } else {
      layer.query_key_value = Pack({names.query, names.key, names.value}, heads, nullptr, precision,
                                   Of(inputs, &LayerInputs::query_key_value));
    }
    layer.attention_output =
        PackOne(names.attention_output, nullptr, heads, Of(inputs, &LayerInputs::attention_output));
    layer.attention_norm = ReadNorm(names.attention_norm);
    layer.intermediate = PackOne(names.intermediate, neurons, nullptr, Of(inputs, &LayerInputs::intermediate));
    layer.neurons = layer.intermediate.bias.size();
    layer.output = PackOne(names.output, nullptr, neurons, Of(inputs, &LayerInputs::output));
    layer.output_norm = ReadNorm(names.output_norm);
    weights_->layers.push_back(std::move(layer));
  }

  const checkpoint::Checkpoint& checkpoint_;
  const checkpoint::TensorNames names_;
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
  RETURN_IF_ERROR(Loader(checkpoint, max_rows, recipe, weights.get()).Load());
  return weights;
}

}  // namespace roberta::encoder
