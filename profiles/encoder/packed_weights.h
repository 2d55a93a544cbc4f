#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"
#include "profiles/kernels/linear.h"
#include "profiles/kernels/passes.h"
#include "profiles/team/team.h"

namespace roberta::encoder {

inline constexpr char kNoMemoryForWeights[] = "no memory for the model's weights";

/// A linear layer: y = x W^T, with the bias for the pass that follows. Without a shape, of a layer whose inputs or
/// outputs are all pruned, there is nothing to multiply, and the sums are zeros.
struct Linear {
  const kernels::LinearShape* shape = nullptr;
  std::shared_ptr<const kernels::PackedWeight> weight;
  std::vector<float> bias;          ///< [out]
  std::vector<float> input_factor;  ///< [in]: what inputs are multiplied by before they become bytes; empty: 1
};

struct NormWeights {
  std::vector<float> gamma, beta;  ///< [hidden]
  float epsilon = 0;

  kernels::LayerNorm View() const { return {gamma.data(), beta.data(), epsilon}; }
};

/// One layer of the encoder. Queries, keys and values are one product of [hidden] to [3 hidden] but in the last layer,
/// where keys and values ([2 hidden]) are needed of all tokens and queries of the first ones alone.
struct LayerWeights {
  size_t heads = 0;    ///< those that are computed
  size_t neurons = 0;  ///< of the feed-forward part
  Linear query;        ///< last layer only
  Linear key_value;    ///< last layer only
  Linear query_key_value;
  Linear attention_output, intermediate, output;
  NormWeights attention_norm, output_norm;
};

/// The weights of a RobertaForSequenceClassification as the packed encoder computes with them.
struct PackedWeights {
  /// Copies and packs all but the word embeddings, for products of up to `max_rows` rows. A weight that another profile
  /// of this checkpoint has packed in the same precision, and whole, is shared with it. Kernels are chosen on the
  /// calling thread before anything else runs; then `run_all` puts the matrices on threads. Whatever threads there are,
  /// the weights are the same to the bit, and of several failures the first one in the model's order is returned.
  /// InvalidArgument names a tensor that holds NaN or infinity.
  static absl::StatusOr<std::unique_ptr<const PackedWeights>> Load(const checkpoint::Checkpoint& checkpoint,
                                                                   int64_t max_rows, const Recipe& recipe,
                                                                   const team::RunAll& run_all);

  struct ShapeKey {
    kernels::Precision precision;
    int64_t in, out;
    friend auto operator<=>(const ShapeKey&, const ShapeKey&) = default;
  };

  int64_t bytes = 0;  ///< of everything here, shared or not; mapped embeddings are not counted
  std::map<ShapeKey, std::shared_ptr<const kernels::LinearShape>> shapes;
  std::vector<float> position_embeddings;  ///< [positions, hidden]
  std::vector<float> token_type;           ///< [hidden]: type 0
  NormWeights embedding_norm;
  std::vector<LayerWeights> layers;
  Linear classifier_dense;
  std::vector<float> classifier_weight;  ///< [labels, hidden]
  std::vector<float> classifier_bias;    ///< [labels]
};

/// What a classifier of these weights and passes computes with, in words, and the memory of its packed weights alone.
/// `mixed_attention`: attention multiplies in bfloat16.
ProfileDescription Describe(const PackedWeights& weights, const kernels::Passes& passes, bool mixed_attention);

}  // namespace roberta::encoder
