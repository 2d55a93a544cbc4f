#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

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

/// Copies all weights out of `checkpoint`. Throws c10::Error when memory is short.
Weights LoadWeights(const checkpoint::Checkpoint& checkpoint);

/// Bytes the weights take.
int64_t WeightBytes(const Weights& weights);

/// A padded batch, int64 as LibTorch's embedding wants it.
struct PaddedBatch {
  at::Tensor token_ids;       ///< [sequences, longest]
  at::Tensor position_ids;    ///< [sequences, longest]
  at::Tensor attention_mask;  ///< [sequences, longest] fp32: 0 for a token, the lowest fp32 for padding
};

/// Logits [sequences, labels], fp32. Devlin et al. 2019 (BERT) with Liu et al. 2019's (RoBERTa) embeddings and head.
at::Tensor Forward(const Weights& weights, const checkpoint::ModelConfig& config, const PaddedBatch& batch);

}  // namespace roberta::reference
