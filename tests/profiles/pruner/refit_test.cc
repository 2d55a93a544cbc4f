#include "profiles/pruner/refit.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/profiles/pruner/tiny_model.h"

namespace roberta::pruner {
namespace {

using checkpoint::PruningMask;
using reference::Affine;
using reference::Weights;
using tiny_model::Batches;
using tiny_model::IgnoreProgress;
using tiny_model::TinyModel;

constexpr size_t kParts = 2 * tiny_model::kLayers;

class RefitTest : public testing::Test {
 protected:
  Refitted Fit(const Weights& weights, const PruningMask& mask, const quality::RunAll& run_all = quality::RunInTurn,
               StoredAs stored_as = {}) const {
    const std::vector<StoredAs> types(kParts, stored_as);
    auto refitted = Refit(weights, model_.config(), mask, texts_, types, run_all, IgnoreProgress);
    EXPECT_TRUE(refitted.ok()) << refitted.status();
    EXPECT_EQ(refitted->parts.size(), kParts);
    EXPECT_EQ(refitted->logits.size(), 30 * 2u);
    EXPECT_EQ(refitted->dense_logits.size(), 30 * 2u);
    return *std::move(refitted);
  }
  Refitted Leave(const Weights& weights, const PruningMask& mask) const {
    return WithoutRefit(weights, model_.config(), mask, texts_.held_out, quality::RunInTurn, IgnoreProgress).value();
  }
  static double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
    EXPECT_EQ(a.size(), b.size());
    double largest = 0;
    for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
    return largest;
  }
  /// A mask that leaves out a head of the first layer and every third neuron of all.
  static PruningMask SomeKept() {
    PruningMask mask = tiny_model::AllKept();
    mask[0].heads = {0, 1, 3};
    for (checkpoint::LayerMask& layer : mask) {
      layer.neurons.erase(
          std::remove_if(layer.neurons.begin(), layer.neurons.end(), [](int32_t i) { return i % 3 == 0; }),
          layer.neurons.end());
    }
    return mask;
  }

  const TinyModel model_{size_t{2}};
  const quality::TokenizedSample sample_ = tiny_model::RandomTexts(230, 11);
  const RefitTexts texts_ = {Batches(sample_, 0, 150, 8), Batches(sample_, 150, 50, 8), Batches(sample_, 200, 30, 8)};
};

TEST_F(RefitTest, NarrowKeepsTheRowsAndColumnsOfTheMask) {
  PruningMask mask = tiny_model::AllKept();
  mask[1].heads = {2};
  mask[0].neurons = {5, 40};
  const Weights narrow = Narrow(model_.weights, mask, model_.config());
  const reference::Layer &dense0 = model_.weights.layers[0], &dense1 = model_.weights.layers[1];
  for (const auto& [whole, part] :
       {std::pair(&dense1.query, &narrow.layers[1].query), std::pair(&dense1.key, &narrow.layers[1].key),
        std::pair(&dense1.value, &narrow.layers[1].value)}) {
    EXPECT_TRUE(at::equal(part->weight, whole->weight.narrow(0, 16, 8)));
    EXPECT_TRUE(at::equal(part->bias, whole->bias.narrow(0, 16, 8)));
  }
  EXPECT_TRUE(at::equal(narrow.layers[1].attention_output.weight, dense1.attention_output.weight.narrow(1, 16, 8)));
  EXPECT_TRUE(at::equal(narrow.layers[1].attention_output.bias, dense1.attention_output.bias));
  EXPECT_TRUE(at::equal(narrow.layers[0].intermediate.weight[1], dense0.intermediate.weight[40]));
  EXPECT_TRUE(at::equal(narrow.layers[0].intermediate.bias[0], dense0.intermediate.bias[5]));
  EXPECT_TRUE(at::equal(narrow.layers[0].output.weight.select(1, 1), dense0.output.weight.select(1, 40)));
  EXPECT_TRUE(at::equal(narrow.layers[1].output.weight, dense1.output.weight));
}

TEST_F(RefitTest, WhereNothingGoesTheAnswersStay) {
  const Refitted refitted = Fit(model_.weights, tiny_model::AllKept());
  EXPECT_LT(LargestDifference(refitted.logits, refitted.dense_logits), 1e-4);
  EXPECT_GT(LargestDifference(refitted.logits, std::vector<float>(refitted.logits.size())), 0.1);
}

TEST_F(RefitTest, DenseLogitsAreThoseOfTheModelInTheOrderOfTheBatches) {
  const Refitted refitted = Fit(model_.weights, SomeKept());
  std::vector<float> expected;
  for (const TextBatch& batch : texts_.held_out) {
    const at::Tensor logits = reference::Forward(model_.weights, model_.config(), batch.padded).contiguous();
    expected.insert(expected.end(), logits.data_ptr<float>(), logits.data_ptr<float>() + logits.numel());
  }
  EXPECT_LT(LargestDifference(refitted.dense_logits, expected), 1e-5);
}

TEST_F(RefitTest, LogitsAreThoseOfTheWeights) {
  const Refitted refitted = Fit(model_.weights, SomeKept());
  ASSERT_TRUE(refitted.helped);
  std::vector<float> expected;
  for (const TextBatch& batch : texts_.held_out) {
    const at::Tensor logits = reference::Forward(refitted.weights, model_.config(), batch.padded).contiguous();
    expected.insert(expected.end(), logits.data_ptr<float>(), logits.data_ptr<float>() + logits.numel());
  }
  EXPECT_LT(LargestDifference(refitted.logits, expected), 1e-5);
}

TEST_F(RefitTest, ANeuronWithATwinIsMadeUpFor) {
  Weights weights = model_.weights;
  reference::Layer& layer = weights.layers[0];
  layer.intermediate.weight = layer.intermediate.weight.clone();
  layer.intermediate.bias = layer.intermediate.bias.clone();
  layer.intermediate.weight[9].copy_(layer.intermediate.weight[5]);
  layer.intermediate.bias[9].copy_(layer.intermediate.bias[5]);
  layer.output.weight = layer.output.weight.clone();
  const at::Tensor both = layer.output.weight.select(1, 5) * 4;
  layer.output.weight.select(1, 5).copy_(both * 0.3);
  layer.output.weight.select(1, 9).copy_(both * 0.7);
  PruningMask mask = tiny_model::AllKept();
  mask[0].neurons.erase(mask[0].neurons.begin() + 9);
  const Refitted left = Leave(weights, mask), refitted = Fit(weights, mask);
  ASSERT_TRUE(refitted.helped);
  EXPECT_GT(refitted.parts[1].ridge, 0);
  EXPECT_GT(refitted.parts[1].error_before, 1e-3);
  EXPECT_LT(refitted.parts[1].error_after, 1e-3 * refitted.parts[1].error_before);
  const double before = LargestDifference(left.logits, left.dense_logits);
  EXPECT_GT(before, 0.05);
  EXPECT_LT(LargestDifference(refitted.logits, refitted.dense_logits), 0.05 * before);
  EXPECT_LT((refitted.weights.layers[0].output.weight.select(1, 5) - both).norm().item<double>(),
            0.05 * both.norm().item<double>());
}

TEST_F(RefitTest, AnswersToTextsThatItHasNotSeenComeCloser) {
  const Refitted left = Leave(model_.weights, SomeKept()), refitted = Fit(model_.weights, SomeKept());
  ASSERT_TRUE(refitted.helped);
  EXPECT_EQ(left.dense_logits.size(), refitted.dense_logits.size());
  double before = 0, after = 0;
  for (size_t i = 0; i < left.logits.size(); ++i) {
    before += std::pow(left.logits[i] - left.dense_logits[i], 2);
    after += std::pow(refitted.logits[i] - refitted.dense_logits[i], 2);
  }
  EXPECT_LT(after, before);
}

TEST_F(RefitTest, NoPartIsLeftWithALargerError) {
  for (const PartFit& part : Fit(model_.weights, SomeKept()).parts) {
    EXPECT_LE(part.error_after, part.error_before);
    EXPECT_EQ(part.error_after<part.error_before, part.ridge> 0);
  }
}

TEST_F(RefitTest, IsTheSameOnAnyNumberOfThreads) {
  const Refitted one = Fit(model_.weights, SomeKept(), tiny_model::OnThreads(1));
  const Refitted three = Fit(model_.weights, SomeKept(), tiny_model::OnThreads(3));
  ASSERT_TRUE(one.helped);
  EXPECT_EQ(one.logits, three.logits);
  for (size_t i = 0; i < tiny_model::kLayers; ++i) {
    const reference::Layer &a = one.weights.layers[i], &b = three.weights.layers[i];
    EXPECT_TRUE(at::equal(a.attention_output.weight, b.attention_output.weight)) << i;
    EXPECT_TRUE(at::equal(a.output.weight, b.output.weight)) << i;
    EXPECT_TRUE(at::equal(a.output.bias, b.output.bias)) << i;
  }
}

// Nothing but the bias is left to fit, and the best constant is the mean of what is gone.
TEST_F(RefitTest, WithoutNeuronsTheBiasBecomesTheirMean) {
  PruningMask mask = tiny_model::AllKept();
  mask[0].neurons.clear();
  const Refitted refitted = Fit(model_.weights, mask);
  ASSERT_TRUE(refitted.helped);
  at::Tensor sum = at::zeros({tiny_model::kHidden}, at::kDouble);
  int64_t tokens = 0;
  const reference::Layer& layer = model_.weights.layers[0];
  for (const auto* batches : {&texts_.fit, &texts_.tune}) {
    for (const TextBatch& batch : *batches) {
      const at::Tensor embedded = reference::Embed(model_.weights, model_.config(), batch.padded);
      const at::Tensor context = reference::Context(layer, model_.config(), embedded, batch.padded.attention_mask);
      const at::Tensor hidden = reference::Norm(reference::Linear(context, layer.attention_output) + embedded,
                                                layer.attention_norm, model_.config());
      const at::Tensor added = reference::Linear(reference::Neurons(layer, model_.config(), hidden), layer.output);
      sum += added.flatten(0, 1).index_select(0, batch.tokens).sum(0, false, at::kDouble);
      tokens += batch.tokens.numel();
    }
  }
  const at::Tensor mean = sum / static_cast<double>(tokens);
  const at::Tensor &before = layer.output.bias, &after = refitted.weights.layers[0].output.bias;
  EXPECT_EQ(refitted.weights.layers[0].output.weight.sizes().vec(), (std::vector<int64_t>{tiny_model::kHidden, 0}));
  EXPECT_LT((after - mean).norm().item<double>(), 0.1 * (before - mean).norm().item<double>());
}

TEST_F(RefitTest, ALayerMayLoseAllHeadsAndAllNeurons) {
  PruningMask mask = tiny_model::AllKept();
  mask[0] = {};
  mask[1] = {};
  const Refitted refitted = Fit(model_.weights, mask);
  EXPECT_EQ(refitted.weights.layers[1].attention_output.weight.size(1), 0);
  for (const float logit : refitted.logits) EXPECT_TRUE(std::isfinite(logit));
}

bool IsHalf(const Affine& affine) {
  const auto same = [](const at::Tensor& tensor) { return at::equal(tensor.to(at::kHalf).to(at::kFloat), tensor); };
  return same(affine.weight) && same(affine.bias);
}

TEST_F(RefitTest, NewValuesAreSuchAsTheFileCanHold) {
  const Refitted wide = Fit(model_.weights, SomeKept());
  const Refitted half = Fit(model_.weights, SomeKept(), quality::RunInTurn, {at::kHalf, at::kHalf});
  ASSERT_TRUE(wide.helped && half.helped);
  size_t refitted = 0;
  for (size_t part = 0; part < kParts; ++part) {
    const auto output = [&](const Refitted& of) -> const Affine& {
      const reference::Layer& layer = of.weights.layers[part / 2];
      return part % 2 == 0 ? layer.attention_output : layer.output;
    };
    if (half.parts[part].ridge == 0) continue;
    ++refitted;
    EXPECT_TRUE(IsHalf(output(half))) << part;
    EXPECT_FALSE(IsHalf(output(wide))) << part;
  }
  EXPECT_GE(refitted, 2u);
}

TEST_F(RefitTest, WithoutRefitTheWeightsAreThoseThatStay) {
  const Refitted left = Leave(model_.weights, SomeKept());
  EXPECT_FALSE(left.helped);
  const Weights narrow = Narrow(model_.weights, SomeKept(), model_.config());
  for (size_t i = 0; i < tiny_model::kLayers; ++i) {
    EXPECT_TRUE(at::equal(left.weights.layers[i].output.weight, narrow.layers[i].output.weight));
    EXPECT_TRUE(at::equal(left.weights.layers[i].attention_output.weight, narrow.layers[i].attention_output.weight));
  }
}

}  // namespace
}  // namespace roberta::pruner
