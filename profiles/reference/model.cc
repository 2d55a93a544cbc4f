#include "profiles/reference/model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>

#include "profiles/encoder/profile.h"

namespace roberta::reference {
namespace {

using checkpoint::ModelConfig;

at::Tensor Read(const checkpoint::Checkpoint& checkpoint, const std::string& name) {
  const checkpoint::TensorView& view = checkpoint.tensor(name);
  at::Tensor tensor = at::empty(view.shape, at::kFloat);
  checkpoint::CopyToFloat32(view, absl::MakeSpan(tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())));
  return tensor;
}

struct NamedFunction {
  std::string_view name;
  at::Tensor (*function)(const at::Tensor&);
};

/// Of checkpoint::HiddenActs().
constexpr NamedFunction kHiddenActs[] = {
    {"gelu", [](const at::Tensor& x) { return at::gelu(x); }},
    {"gelu_new", [](const at::Tensor& x) { return at::gelu(x, "tanh"); }},
    {"gelu_10", [](const at::Tensor& x) { return at::gelu(x).clamp(-10, 10); }},
    {"quick_gelu", [](const at::Tensor& x) { return x * at::sigmoid(1.702 * x); }},
    {"silu", [](const at::Tensor& x) { return at::silu(x); }},
    {"mish", [](const at::Tensor& x) { return at::mish(x); }},
    {"hardswish", [](const at::Tensor& x) { return at::hardswish(x); }},
    {"relu", [](const at::Tensor& x) { return at::relu(x); }},
    {"relu2", [](const at::Tensor& x) { return at::relu(x).square(); }},
    {"relu6", [](const at::Tensor& x) { return x.clamp(0, 6); }},
    {"leaky_relu", [](const at::Tensor& x) { return at::leaky_relu(x); }},
    {"sigmoid", [](const at::Tensor& x) { return at::sigmoid(x); }},
    {"tanh", [](const at::Tensor& x) { return at::tanh(x); }},
    {"laplace", [](const at::Tensor& x) { return 0.5 * (1 + at::erf((x - 0.707107) / (0.282095 * std::sqrt(2.0)))); }},
    {"sqrtsoftplus", [](const at::Tensor& x) { return at::softplus(x).sqrt(); }},
    {"linear", [](const at::Tensor& x) { return x; }}};

}  // namespace

Weights LoadWeights(const checkpoint::Checkpoint& checkpoint) {
  const auto affine = [&](const std::string& module) -> Affine {
    return {Read(checkpoint, module + ".weight"), Read(checkpoint, module + ".bias")};
  };
  const checkpoint::TensorNames names = checkpoint::TensorNamesOf(checkpoint.config());
  Weights weights;
  weights.word_embeddings = Read(checkpoint, names.word_embeddings + ".weight");
  weights.position_embeddings = Read(checkpoint, names.position_embeddings + ".weight");
  weights.token_type_embeddings = Read(checkpoint, names.token_type_embeddings + ".weight");
  weights.embedding_norm = affine(names.embedding_norm);
  for (const checkpoint::LayerNames& layer : names.layers) {
    weights.layers.push_back({.query = affine(layer.query),
                              .key = affine(layer.key),
                              .value = affine(layer.value),
                              .attention_output = affine(layer.attention_output),
                              .attention_norm = affine(layer.attention_norm),
                              .intermediate = affine(layer.intermediate),
                              .output = affine(layer.output),
                              .output_norm = affine(layer.output_norm)});
  }
  weights.classifier_dense = affine(names.classifier_dense);
  weights.classifier_out = affine(names.classifier_out);
  return weights;
}

int64_t WeightBytes(const Weights& weights) {
  auto bytes = [](const at::Tensor& tensor) { return static_cast<int64_t>(tensor.nbytes()); };
  auto affine = [&](const Affine& a) { return bytes(a.weight) + bytes(a.bias); };
  int64_t sum = bytes(weights.word_embeddings) + bytes(weights.position_embeddings) +
                bytes(weights.token_type_embeddings) + affine(weights.embedding_norm) +
                affine(weights.classifier_dense) + affine(weights.classifier_out);
  for (const Layer& layer : weights.layers) {
    for (const Affine* a : {&layer.query, &layer.key, &layer.value, &layer.attention_output, &layer.attention_norm,
                            &layer.intermediate, &layer.output, &layer.output_norm}) {
      sum += affine(*a);
    }
  }
  return sum;
}

PaddedBatch Pad(absl::Span<const absl::Span<const int32_t>> sequences, int32_t pad_token_id) {
  size_t longest = 0;
  for (const auto& ids : sequences) longest = std::max(longest, ids.size());
  const std::vector<int64_t> shape = {static_cast<int64_t>(sequences.size()), static_cast<int64_t>(longest)};
  const int32_t pad = std::max(pad_token_id, 0);  // whatever has a row
  PaddedBatch padded{.token_ids = at::full(shape, pad, at::kLong),
                     .position_ids = at::full(shape, pad, at::kLong),
                     .attention_mask = at::full(shape, std::numeric_limits<float>::lowest(), at::kFloat)};
  std::vector<int32_t> positions(longest);
  size_t row = 0;
  for (const auto& ids : sequences) {
    encoder::PositionIds(ids, pad_token_id, absl::MakeSpan(positions).subspan(0, ids.size()));
    std::copy(ids.begin(), ids.end(), padded.token_ids.data_ptr<int64_t>() + row);
    std::copy_n(positions.begin(), ids.size(), padded.position_ids.data_ptr<int64_t>() + row);
    std::fill_n(padded.attention_mask.data_ptr<float>() + row, ids.size(), 0.0f);
    row += longest;
  }
  return padded;
}

at::Tensor Linear(const at::Tensor& input, const Affine& affine) {
  return at::linear(input, affine.weight, affine.bias);
}

at::Tensor Norm(const at::Tensor& input, const Affine& affine, const ModelConfig& config) {
  return at::layer_norm(input, {input.size(-1)}, affine.weight, affine.bias, config.layer_norm_eps);
}

at::Tensor Embed(const Weights& weights, const ModelConfig& config, const PaddedBatch& batch) {
  at::Tensor sum = at::embedding(weights.word_embeddings, batch.token_ids);
  sum = sum + weights.token_type_embeddings[0];  // RoBERTa's tokenizer gives every token type 0
  sum = sum + at::embedding(weights.position_embeddings, batch.position_ids);
  return Norm(sum, weights.embedding_norm, config);
}

at::Tensor Context(const Layer& layer, const ModelConfig& config, const at::Tensor& hidden,
                   const at::Tensor& attention_mask) {
  const int64_t sequences = hidden.size(0), length = hidden.size(1), width = layer.query.weight.size(0);
  auto heads = [&](const Affine& affine) {
    return Linear(hidden, affine)
        .view({sequences, length, width / config.head_size(), config.head_size()})
        .transpose(1, 2);
  };
  at::Tensor scores = at::matmul(heads(layer.query), heads(layer.key).transpose(-1, -2));
  scores = scores / std::sqrt(static_cast<double>(config.head_size())) + attention_mask.view({sequences, 1, 1, length});
  at::Tensor context = at::matmul(at::softmax(scores, -1), heads(layer.value));
  return context.transpose(1, 2).contiguous().view({sequences, length, width});
}

at::Tensor Neurons(const Layer& layer, const ModelConfig& config, const at::Tensor& hidden) {
  const auto named = std::find_if(std::begin(kHiddenActs), std::end(kHiddenActs),
                                  [&](const NamedFunction& one) { return one.name == config.hidden_act; });
  return named->function(Linear(hidden, layer.intermediate));
}

at::Tensor Head(const Weights& weights, const at::Tensor& hidden) {
  const at::Tensor first = hidden.select(1, 0);  // <s>
  return Linear(at::tanh(Linear(first, weights.classifier_dense)), weights.classifier_out);
}

at::Tensor Forward(const Weights& weights, const ModelConfig& config, const PaddedBatch& batch,
                   std::vector<PartTrace>* traces) {
  at::Tensor hidden = Embed(weights, config, batch);
  const auto end_part = [&](const at::Tensor& inputs, const Affine& output, const Affine& norm) {
    const at::Tensor sum = Linear(inputs, output) + hidden;
    if (traces != nullptr) traces->push_back({inputs, sum});
    hidden = Norm(sum, norm, config);
  };
  for (const Layer& layer : weights.layers) {
    end_part(Context(layer, config, hidden, batch.attention_mask), layer.attention_output, layer.attention_norm);
    end_part(Neurons(layer, config, hidden), layer.output, layer.output_norm);
  }
  return Head(weights, hidden);
}

}  // namespace roberta::reference
