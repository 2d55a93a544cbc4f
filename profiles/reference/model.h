#pragma once

#include <ATen/core/ivalue.h>  // with clang as C++20, LibTorch 1.13's other headers need this one before them

#include <vector>

#include "absl/types/span.h"
#include "profiles/checkpoint/checkpoint.h"

namespace roberta::reference {

/// Weight and bias of a linear layer or a LayerNorm.
struct Affine {
  at::Tensor weight;  ///< linear: [out, in]; LayerNorm: [hidden]
  at::Tensor bias;    ///< [out] or [hidden]
};

struct Layer {
  Affine query, key, value, attention_output, attention_norm;
  Affine intermediate, output, output_norm;
};

/// The weights of a RobertaForSequenceClassification, fp32, owned.
struct Weights {
  at::Tensor word_embeddings;        ///< [vocab, hidden]
  at::Tensor position_embeddings;    ///< [positions, hidden]
  at::Tensor token_type_embeddings;  ///< [types, hidden]
  Affine embedding_norm;
  std::vector<Layer> layers;
  Affine classifier_dense, classifier_out;
};

/// Copies all weights out of `checkpoint`, which may be dense or pruned. Throws c10::Error if memory runs out.
Weights LoadWeights(const checkpoint::Checkpoint& checkpoint);

/// The memory that the weights take, in bytes.
int64_t WeightBytes(const Weights& weights);

/// A padded batch, int64 as LibTorch's embedding wants it.
struct PaddedBatch {
  at::Tensor token_ids;       ///< [sequences, longest]
  at::Tensor position_ids;    ///< [sequences, longest]
  at::Tensor attention_mask;  ///< [sequences, longest] fp32: 0 for a token, the lowest fp32 for padding
};

/// Pads `sequences` (at least one, none of them empty) to the longest of them.
PaddedBatch Pad(absl::Span<const absl::Span<const int32_t>> sequences, int32_t pad_token_id);

/// One of a layer's two parts, attention or the feed-forward part: the input of its output product, and the sum of that
/// product and the residual.
struct PartTrace {
  at::Tensor inputs;  ///< [sequences, longest, in]: the context of all heads, or the neurons, activated
  at::Tensor sum;     ///< [sequences, longest, hidden], before LayerNorm
};

/// Logits [sequences, labels], fp32. Devlin et al. 2019 (BERT) with Liu et al. 2019's (RoBERTa) embeddings and head. A
/// layer has as many heads and neurons as its weights, which may be none. `*traces`, unless it is nullptr, receives two
/// entries for each layer, in the order of computation.
at::Tensor Forward(const Weights& weights, const checkpoint::ModelConfig& config, const PaddedBatch& batch,
                   std::vector<PartTrace>* traces = nullptr);

// The steps of Forward, for callers that take them one by one. `hidden` is [sequences, longest, hidden].

at::Tensor Embed(const Weights& weights, const checkpoint::ModelConfig& config, const PaddedBatch& batch);
/// The context of all heads, [sequences, longest, heads * head_size]. `attention_mask` is that of the PaddedBatch.
at::Tensor Context(const Layer& layer, const checkpoint::ModelConfig& config, const at::Tensor& hidden,
                   const at::Tensor& attention_mask);
/// The neurons after the activation function, [sequences, longest, neurons].
at::Tensor Neurons(const Layer& layer, const checkpoint::ModelConfig& config, const at::Tensor& hidden);
at::Tensor Linear(const at::Tensor& input, const Affine& affine);
at::Tensor Norm(const at::Tensor& input, const Affine& affine, const checkpoint::ModelConfig& config);
/// The logits, [sequences, labels], for the last layer's output.
at::Tensor Head(const Weights& weights, const at::Tensor& hidden);

}  // namespace roberta::reference
