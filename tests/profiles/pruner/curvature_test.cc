#include "profiles/pruner/curvature.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "tests/profiles/pruner/tiny_model.h"

namespace roberta::pruner {
namespace {

using reference::Affine;
using reference::Weights;
using tiny_model::Batches;
using tiny_model::IgnoreProgress;
using tiny_model::TinyModel;

constexpr size_t kParts = 2 * tiny_model::kLayers;

/// `weights` with room for small differences.
Weights InDouble(Weights weights) {
  const auto convert = [](Affine* affine) {
    affine->weight = affine->weight.to(at::kDouble);
    affine->bias = affine->bias.to(at::kDouble);
  };
  for (at::Tensor* table : {&weights.word_embeddings, &weights.position_embeddings, &weights.token_type_embeddings}) {
    *table = table->to(at::kDouble);
  }
  for (Affine* affine : {&weights.embedding_norm, &weights.classifier_dense, &weights.classifier_out}) convert(affine);
  for (reference::Layer& layer : weights.layers) {
    for (Affine* affine : {&layer.query, &layer.key, &layer.value, &layer.attention_output, &layer.attention_norm,
                           &layer.intermediate, &layer.output, &layer.output_norm}) {
      convert(affine);
    }
  }
  return weights;
}

at::Tensor& OutputWeight(Weights* weights, size_t part) {
  reference::Layer& layer = weights->layers[part / 2];
  return part % 2 == 0 ? layer.attention_output.weight : layer.output.weight;
}

int64_t UnitSize(size_t part) {
  return part % 2 == 0 ? static_cast<int64_t>(tiny_model::kHeadSize) : 1;
}

/// The squared difference that a factor in front of a head or a neuron makes to `answer` [sequences], mean over texts.
double SquaredDifference(const TinyModel& model, const TextBatch& batch, size_t part, int64_t unit,
                         const std::function<at::Tensor(const at::Tensor&)>& answer) {
  constexpr double kStep = 1e-4;
  const Weights weights = InDouble(model.weights);
  const auto answers = [&](double factor) {
    Weights moved = weights;
    at::Tensor& output = OutputWeight(&moved, part);
    output = output.clone();
    output.narrow(1, unit * UnitSize(part), UnitSize(part)).mul_(factor);
    return answer(reference::Forward(moved, model.config(), batch.padded));
  };
  return ((answers(1 + kStep) - answers(1 - kStep)) / (2 * kStep)).square().mean().item<double>();
}

void ExpectFisherIs(const TinyModel& model, const std::function<at::Tensor(const at::Tensor&)>& answer) {
  const std::vector<TextBatch> batches = Batches(tiny_model::RandomTexts(3, 2), 0, 3, 3);
  ASSERT_EQ(batches.size(), 1u);
  const auto fisher = MeasureFisher(model.weights, model.config(), batches, 0, quality::RunInTurn, IgnoreProgress);
  ASSERT_TRUE(fisher.ok()) << fisher.status();
  ASSERT_EQ(fisher->size(), kParts);
  for (size_t part = 0; part < kParts; ++part) {
    const std::vector<double>& of_part = (*fisher)[part];
    ASSERT_EQ(of_part.size(), part % 2 == 0 ? tiny_model::kHeads : tiny_model::kNeurons);
    const double largest = *std::max_element(of_part.begin(), of_part.end());
    EXPECT_GT(largest, 0);
    for (size_t unit = 0; unit < of_part.size(); ++unit) {
      const double expected = SquaredDifference(model, batches[0], part, static_cast<int64_t>(unit), answer);
      EXPECT_NEAR(of_part[unit], expected, 1e-3 * expected + 1e-5 * largest) << part << ", " << unit;
    }
  }
}

TEST(MeasureFisher, IsTheSquaredDerivativeOfALoneLogitByEachFactor) {
  ExpectFisherIs(TinyModel(1), [](const at::Tensor& logits) { return logits.select(1, 0); });
}

TEST(MeasureFisher, OfTwoLabelsItIsThatOfTheirDifference) {
  ExpectFisherIs(TinyModel(2),
                 [](const at::Tensor& logits) { return (logits.select(1, 0) - logits.select(1, 1)) / std::sqrt(2.0); });
}

TEST(MeasureFisher, IsTheMeanOverTexts) {
  const TinyModel model(1);
  const quality::TokenizedSample sample = tiny_model::RandomTexts(6, 2);
  const auto measure = [&](size_t first, size_t count) {
    return MeasureFisher(model.weights, model.config(), Batches(sample, first, count, 2), 0, quality::RunInTurn,
                         IgnoreProgress)
        .value();
  };
  const auto some = measure(0, 4), others = measure(4, 2), all = measure(0, 6);
  for (size_t part = 0; part < kParts; ++part) {
    for (size_t unit = 0; unit < all[part].size(); ++unit) {
      const double expected = (4 * some[part][unit] + 2 * others[part][unit]) / 6;
      EXPECT_NEAR(all[part][unit], expected, 1e-4 * expected);
    }
  }
}

/// Makes all logits of a text the same number.
double LargestFisherOfEqualLogits(TinyModel* model) {
  Affine& out = model->weights.classifier_out;
  out.weight = out.weight.narrow(0, 0, 1).expand_as(out.weight).contiguous();
  const std::vector<TextBatch> batches = Batches(tiny_model::RandomTexts(3, 2), 0, 3, 3);
  const auto fisher =
      MeasureFisher(model->weights, model->config(), batches, 0, quality::RunInTurn, IgnoreProgress).value();
  double largest = 0;
  for (const std::vector<double>& part : fisher) {
    for (const double one : part) largest = std::max(largest, one);
  }
  return largest;
}

TEST(MeasureFisher, WhatMovesAllLabelsOfAChoiceAlikeIsNothing) {
  TinyModel model(3);
  EXPECT_LT(LargestFisherOfEqualLogits(&model), 1e-9);
}

TEST(MeasureFisher, WhatMovesAllLabelsOfAMultiLabelModelAlikeCounts) {
  nlohmann::json config = tiny_model::Config(3);
  config["problem_type"] = "multi_label_classification";
  TinyModel model(config);
  EXPECT_GT(LargestFisherOfEqualLogits(&model), 1e-4);
}

TEST(MeasureFisher, IsTheSameOnAnyNumberOfThreads) {
  const TinyModel model(3);
  const std::vector<TextBatch> batches = Batches(tiny_model::RandomTexts(26, 2), 0, 26, 2);
  const auto measure = [&](size_t threads) {
    return MeasureFisher(model.weights, model.config(), batches, 5, tiny_model::OnThreads(threads), IgnoreProgress)
        .value();
  };
  EXPECT_EQ(measure(1), measure(3));
}

TEST(MeasureFisher, TheSeedDrawsTheDirections) {
  const TinyModel model(3);
  const std::vector<TextBatch> batches = Batches(tiny_model::RandomTexts(3, 2), 0, 3, 3);
  const auto measure = [&](uint64_t seed) {
    return MeasureFisher(model.weights, model.config(), batches, seed, quality::RunInTurn, IgnoreProgress).value();
  };
  EXPECT_EQ(measure(1), measure(1));
  EXPECT_NE(measure(1), measure(2));
}

class MeasureCurvatureTest : public testing::Test {
 protected:
  std::vector<PartCurvature> Measure(const std::vector<TextBatch>& batches,
                                     const quality::RunAll& run_all = quality::RunInTurn) const {
    auto parts = MeasureCurvature(model_.weights, model_.config(), batches, 5, run_all, IgnoreProgress);
    EXPECT_TRUE(parts.ok()) << parts.status();
    EXPECT_EQ(parts->size(), kParts);
    return *std::move(parts);
  }
  static bool IsSymmetric(const at::Tensor& matrix) {
    const float largest = matrix.abs().max().item<float>();
    return (matrix - matrix.t()).abs().max().item<float>() <= 1e-5f * largest;
  }
  /// Ascending.
  static at::Tensor Eigenvalues(const at::Tensor& matrix) {
    return at::linalg_eigvalsh((matrix + matrix.t()).to(at::kDouble) / 2);
  }

  const TinyModel model_{size_t{3}};
  const quality::TokenizedSample sample_ = tiny_model::RandomTexts(26, 2);
};

TEST_F(MeasureCurvatureTest, OutputsAreSymmetricWithATraceOfOne) {
  for (const PartCurvature& part : Measure(Batches(sample_, 0, 26, 4))) {
    EXPECT_EQ(part.outputs.sizes().vec(), (std::vector<int64_t>{tiny_model::kHidden, tiny_model::kHidden}));
    EXPECT_TRUE(IsSymmetric(part.outputs));
    EXPECT_NEAR(part.outputs.trace().item<double>(), 1, 1e-4);
  }
}

TEST_F(MeasureCurvatureTest, InputsAreSymmetricAndPositive) {
  for (const PartCurvature& part : Measure(Batches(sample_, 0, 26, 4))) {
    EXPECT_TRUE(IsSymmetric(part.inputs));
    const at::Tensor eigenvalues = Eigenvalues(part.inputs);
    const double largest = eigenvalues[-1].item<double>();
    EXPECT_GT(largest, 0);
    EXPECT_GT(eigenvalues[0].item<double>(), -1e-5 * largest);
  }
}

TEST_F(MeasureCurvatureTest, OfTheLastLayersNeuronsOnlyFirstTokensCount) {
  const std::vector<PartCurvature> parts = Measure(Batches(sample_, 0, 3, 3));
  const auto rank = [](const at::Tensor& matrix) {
    const at::Tensor eigenvalues = Eigenvalues(matrix);
    return eigenvalues.gt(1e-5 * eigenvalues[-1]).sum().item<int64_t>();
  };
  EXPECT_EQ(rank(parts[3].inputs), 3);  // as many as texts
  EXPECT_EQ(rank(parts[2].inputs), 3);
  EXPECT_GT(rank(parts[1].inputs), 3);
}

/// For one text the part's only token that counts has one gradient, so that nothing is lost by the two factors.
TEST_F(MeasureCurvatureTest, OfOneTextsLastLayerItIsFisher) {
  const std::vector<TextBatch> batches = Batches(sample_, 0, 1, 1);
  const std::vector<PartCurvature> parts = Measure(batches);
  const auto fisher =
      MeasureFisher(model_.weights, model_.config(), batches, 5, quality::RunInTurn, IgnoreProgress).value();
  Weights weights = model_.weights;
  for (const size_t part : {2u, 3u}) {
    for (size_t unit = 0; unit < fisher[part].size(); ++unit) {
      const int64_t size = UnitSize(part), begin = static_cast<int64_t>(unit) * size;
      const at::Tensor columns = OutputWeight(&weights, part).narrow(1, begin, size);
      const at::Tensor inputs = parts[part].inputs.narrow(0, begin, size).narrow(1, begin, size);
      const double expected =
          at::trace(at::matmul(at::matmul(columns.t(), at::matmul(parts[part].outputs, columns)), inputs))
              .item<double>();
      EXPECT_NEAR(fisher[part][unit], expected, 2e-3 * expected + 1e-6) << part << ", " << unit;
    }
  }
}

TEST_F(MeasureCurvatureTest, IsTheSameOnAnyNumberOfThreads) {
  const std::vector<TextBatch> batches = Batches(sample_, 0, 26, 2);
  const std::vector<PartCurvature> one = Measure(batches, tiny_model::OnThreads(1));
  const std::vector<PartCurvature> three = Measure(batches, tiny_model::OnThreads(3));
  for (size_t part = 0; part < kParts; ++part) {
    EXPECT_TRUE(at::equal(one[part].inputs, three[part].inputs)) << part;
    EXPECT_TRUE(at::equal(one[part].outputs, three[part].outputs)) << part;
  }
}

TEST_F(MeasureCurvatureTest, PaddingIsNothing) {
  const TinyModel model(1);  // of a lone logit the direction is nothing but a sign
  const auto measure = [&](size_t at_once) {
    return MeasureCurvature(model.weights, model.config(), Batches(sample_, 0, 6, at_once), 5, quality::RunInTurn,
                            IgnoreProgress)
        .value();
  };
  const std::vector<PartCurvature> alone = measure(1), padded = measure(6);
  for (size_t part = 0; part < kParts; ++part) {
    const double largest = alone[part].inputs.abs().max().item<double>();
    EXPECT_LT((alone[part].inputs - padded[part].inputs).abs().max().item<double>(), 1e-4 * largest) << part;
  }
}

TEST_F(MeasureCurvatureTest, ProgressEndsWithTheLastBatch) {
  std::vector<std::pair<size_t, size_t>> steps;
  ASSERT_TRUE(MeasureCurvature(model_.weights, model_.config(), Batches(sample_, 0, 12, 2), 5, quality::RunInTurn,
                               [&](size_t done, size_t total) { steps.emplace_back(done, total); })
                  .ok());
  EXPECT_EQ(steps, (std::vector<std::pair<size_t, size_t>>{{4, 6}, {6, 6}}));
}

}  // namespace
}  // namespace roberta::pruner
