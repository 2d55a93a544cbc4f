#include "profiles/pruner/removal.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>

#include "profiles/pruned/pruned.h"
#include "tests/profiles/pruner/tiny_model.h"

namespace roberta::pruner {
namespace {

using checkpoint::PruningMask;
using ::testing::ElementsAre;

at::Tensor Random(int64_t rows, int64_t columns, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  at::Tensor tensor = at::empty({rows, columns}, at::kFloat);
  std::generate_n(tensor.data_ptr<float>(), tensor.numel(), [&] { return normal(random); });
  return tensor;
}

/// A part with `in` inputs.
struct Part {
  explicit Part(int64_t in) : activations(Random(8 * in, in, 1)), weight(Random(kHidden, in, 3)) {
    const at::Tensor gradients = Random(20, kHidden, 2);
    curvature.outputs = at::matmul(gradients.t(), gradients);
    curvature.outputs = curvature.outputs / curvature.outputs.trace();
    Observe();
  }
  void Observe() { curvature.inputs = at::matmul(activations.t(), activations); }

  static constexpr int64_t kHidden = 5;
  at::Tensor activations, weight;
  PartCurvature curvature;
};

/// The columns of `units`, or of all others.
at::Tensor Columns(const std::vector<int32_t>& units, int64_t unit_size, int64_t in, bool of_others) {
  std::vector<int64_t> columns;
  for (int64_t column = 0; column < in; ++column) {
    const bool is_in = std::count(units.begin(), units.end(), static_cast<int32_t>(column / unit_size)) > 0;
    if (is_in != of_others) columns.push_back(column);
  }
  at::Tensor tensor = at::empty({static_cast<int64_t>(columns.size())}, at::kLong);
  std::copy(columns.begin(), columns.end(), tensor.data_ptr<int64_t>());
  return tensor;
}

/// The least that tr(M E H E') can be for a change E of the weight that takes the columns of `units` away, by the
/// normal equations of the columns that stay. H is damped by a hundredth of the mean of its diagonal.
double LeastChange(const Part& part, const std::vector<int32_t>& units, int64_t unit_size) {
  const int64_t in = part.weight.size(1);
  at::Tensor h = part.curvature.inputs.to(at::kDouble);
  h = h + 0.01 * h.diagonal().mean().item<double>() * at::eye(in, at::kDouble);
  const at::Tensor weight = part.weight.to(at::kDouble);
  const at::Tensor gone = Columns(units, unit_size, in, false), stay = Columns(units, unit_size, in, true);
  const auto block = [&](const at::Tensor& rows, const at::Tensor& columns) {
    return h.index_select(0, rows).index_select(1, columns);
  };
  at::Tensor change = at::zeros_like(weight);
  change.index_copy_(1, gone, -weight.index_select(1, gone));
  if (stay.numel() > 0) {
    const at::Tensor wanted = at::matmul(weight.index_select(1, gone), block(gone, stay));
    change.index_copy_(1, stay, at::linalg_solve(block(stay, stay), wanted.t()).t().contiguous());
  }
  const at::Tensor outputs = part.curvature.outputs.to(at::kDouble);
  return at::trace(at::matmul(at::matmul(outputs, change), at::matmul(h, change.t()))).item<double>();
}

/// Every cost of the order is what the loss adds to the least change, and no other unit's loss would have added less.
void ExpectOrderIsGreedy(const Part& part, int64_t unit_size) {
  const RemovalOrder order = OrderByCurvature(part.curvature, part.weight, unit_size);
  const auto units = static_cast<size_t>(part.weight.size(1) / unit_size);
  ASSERT_EQ(std::set<int32_t>(order.units.begin(), order.units.end()).size(), units);
  ASSERT_EQ(order.units.size(), units);
  ASSERT_EQ(order.costs.size(), units);
  std::vector<int32_t> gone;
  double so_far = 0;
  const double all = LeastChange(part, order.units, unit_size);
  for (size_t step = 0; step < units; ++step) {
    double least = std::numeric_limits<double>::infinity();
    for (size_t i = step; i < units; ++i) {
      std::vector<int32_t> with = gone;
      with.push_back(order.units[i]);
      least = std::min(least, LeastChange(part, with, unit_size) - so_far);
    }
    gone.push_back(order.units[step]);
    const double added = LeastChange(part, gone, unit_size) - so_far;
    so_far += added;
    EXPECT_NEAR(order.costs[step], added, 1e-3 * added + 1e-5 * all) << step;
    EXPECT_LE(added, least + 1e-3 * added + 1e-5 * all) << step;
  }
}

TEST(OrderByCurvature, ACostIsWhatTheBestRepairLeavesOfTheChange) {
  Part part(12);
  part.activations = part.activations * Random(1, 12, 4).abs().add(0.3);  // some are far larger than others
  part.Observe();
  ExpectOrderIsGreedy(part, 1);
}

TEST(OrderByCurvature, ACostOfABlockIsWhatTheBestRepairLeavesOfTheChange) {
  Part part(24);
  part.activations = part.activations * Random(1, 24, 4).abs().add(0.3);
  part.Observe();
  ExpectOrderIsGreedy(part, 4);
}

TEST(OrderByCurvature, OfTwinsOneGoesFirstAndTheOtherStaysToTheEnd) {
  Part part(12);
  part.activations.select(1, 3).copy_(part.activations.select(1, 7));
  part.Observe();
  part.weight.select(1, 3).mul_(2);
  part.weight.select(1, 7).copy_(part.weight.select(1, 3));
  const RemovalOrder order = OrderByCurvature(part.curvature, part.weight, 1);
  const std::set<int32_t> ends = {order.units.front(), order.units.back()};
  EXPECT_EQ(ends, (std::set<int32_t>{3, 7}));
  EXPECT_LT(order.costs[0], 0.02 * order.costs.back());  // damping is what is left of it
}

TEST(OrderByCurvature, OfTwinHeadsOneGoesFirstAndTheOtherStaysToTheEnd) {
  Part part(24);
  part.activations.narrow(1, 4, 4).copy_(part.activations.narrow(1, 16, 4));
  part.Observe();
  part.weight.narrow(1, 4, 4).mul_(2);
  part.weight.narrow(1, 16, 4).copy_(part.weight.narrow(1, 4, 4));
  const RemovalOrder order = OrderByCurvature(part.curvature, part.weight, 4);
  const std::set<int32_t> ends = {order.units.front(), order.units.back()};
  EXPECT_EQ(ends, (std::set<int32_t>{1, 4}));
  EXPECT_LT(order.costs[0], 0.02 * order.costs.back());  // damping is what is left of it
}

TEST(OrderByCurvature, InputsThatNoAnswerFeelsGoFirst) {
  Part part(12);
  part.weight.select(1, 5).fill_(0);
  const RemovalOrder order = OrderByCurvature(part.curvature, part.weight, 1);
  EXPECT_EQ(order.units[0], 5);
  EXPECT_NEAR(order.costs[0], 0, 1e-9);
}

TEST(OrderByCurvature, EveryColumnGoesOnceWhereTheyGoInGroups) {
  const Part part(500);
  const RemovalOrder order = OrderByCurvature(part.curvature, part.weight, 1);
  EXPECT_EQ(order.units.size(), 500u);
  EXPECT_EQ(std::set<int32_t>(order.units.begin(), order.units.end()).size(), 500u);
  for (const double cost : order.costs) EXPECT_TRUE(std::isfinite(cost) && cost >= 0) << cost;
}

TEST(OrderByCurvature, WhatNoTextReachesIsInOrderAllTheSame) {
  Part part(12);
  part.curvature.inputs.zero_();
  const RemovalOrder order = OrderByCurvature(part.curvature, part.weight, 1);
  EXPECT_EQ(std::set<int32_t>(order.units.begin(), order.units.end()).size(), 12u);
  for (const double cost : order.costs) EXPECT_TRUE(std::isfinite(cost)) << cost;
}

TEST(OrderByImportance, TheLeastGoesFirstAndOfEqualsTheFirst) {
  const RemovalOrder order = OrderByImportance({3, 1, 2, 1});
  EXPECT_THAT(order.units, ElementsAre(1, 3, 2, 0));
  EXPECT_THAT(order.costs, ElementsAre(1, 1, 2, 3));
}

class RemovalPathTest : public testing::Test {
 protected:
  static RemovalOrder Costing(size_t units, double each) { return OrderByImportance(std::vector<double>(units, each)); }
  /// Orders in which every head of a layer costs the same, and every neuron.
  static std::vector<RemovalOrder> Costs(double heads0, double neurons0, double heads1, double neurons1) {
    return {Costing(tiny_model::kHeads, heads0), Costing(tiny_model::kNeurons, neurons0),
            Costing(tiny_model::kHeads, heads1), Costing(tiny_model::kNeurons, neurons1)};
  }
  std::vector<RemovalOrder> RandomCosts(size_t neurons) const {
    std::mt19937_64 random(3);
    std::vector<RemovalOrder> orders;
    for (size_t part = 0; part < 2 * tiny_model::kLayers; ++part) {
      std::vector<double> importances(part % 2 == 0 ? tiny_model::kHeads : neurons);
      for (double& one : importances) one = static_cast<double>(random() % 1000) * (part % 2 == 0 ? 16 : 1);
      orders.push_back(OrderByImportance(importances));
    }
    return orders;
  }
  /// What is left when as little goes as can.
  PruningMask AfterOneStep(const std::vector<RemovalOrder>& orders, double first_token_share) const {
    return RemovalPath(orders, config_, first_token_share).MaskAt(0.999);
  }

  const tiny_model::TinyModel model_;
  const checkpoint::ModelConfig& config_ = model_.config();
};

TEST_F(RemovalPathTest, KeepsAtMostWhatIsAskedAndNearlyThat) {
  const RemovalPath path(RandomCosts(tiny_model::kNeurons), config_, 0.1);
  const double step =
      4.0 * tiny_model::kHeadSize / (tiny_model::kLayers * (4.0 * tiny_model::kHidden + 2.0 * tiny_model::kNeurons));
  for (double keep = 0.05; keep < 1; keep += 0.05) {
    const double kept = checkpoint::KeptMacs(path.MaskAt(keep), config_);
    EXPECT_LE(kept, keep + 1e-12);
    EXPECT_GT(kept, keep - step - 1e-12);
  }
}

TEST_F(RemovalPathTest, ABudgetOfAllKeepsAll) {
  EXPECT_EQ(RemovalPath(RandomCosts(tiny_model::kNeurons), config_, 0.1).MaskAt(1), tiny_model::AllKept());
}

TEST_F(RemovalPathTest, ASmallerMaskIsPartOfALargerOne) {
  const RemovalPath path(RandomCosts(tiny_model::kNeurons), config_, 0.1);
  PruningMask larger = path.MaskAt(1);
  for (double keep = 0.92; keep > 0; keep -= 0.08) {
    const PruningMask smaller = path.MaskAt(keep);
    EXPECT_NE(smaller, larger);
    for (size_t i = 0; i < smaller.size(); ++i) {
      EXPECT_TRUE(std::includes(larger[i].heads.begin(), larger[i].heads.end(), smaller[i].heads.begin(),
                                smaller[i].heads.end()));
      EXPECT_TRUE(std::includes(larger[i].neurons.begin(), larger[i].neurons.end(), smaller[i].neurons.begin(),
                                smaller[i].neurons.end()));
    }
    larger = smaller;
  }
}

TEST_F(RemovalPathTest, NeuronsStayInWholeGroups) {
  nlohmann::json json = tiny_model::Config(2);
  json["intermediate_size"] = 40;
  const checkpoint::ModelConfig config = checkpoint::ParseModelConfig(json.dump(), "config.json").value();
  ASSERT_EQ(pruned::NeuronGroup(config), 16u);
  const RemovalPath path(RandomCosts(40), config, 0.1);
  std::set<size_t> counts;
  for (double keep = 0.01; keep <= 1; keep += 0.01) {
    for (const checkpoint::LayerMask& layer : path.MaskAt(keep)) counts.insert(layer.neurons.size());
  }
  EXPECT_THAT(counts, ElementsAre(0, 16, 32, 40));
}

TEST_F(RemovalPathTest, TheCheapestHeadGoesFirst) {
  std::vector<RemovalOrder> orders = Costs(50, 50, 50, 50);
  orders[0] = OrderByImportance({50, 50, 1, 50});
  PruningMask expected = tiny_model::AllKept();
  expected[0].heads = {0, 1, 3};
  EXPECT_EQ(AfterOneStep(orders, 1), expected);
}

TEST_F(RemovalPathTest, TheCheapestNeuronsGoFirst) {
  std::vector<RemovalOrder> orders = Costs(5000, 50, 5000, 50);
  std::vector<double> importances(tiny_model::kNeurons, 50);
  std::fill(importances.begin() + 10, importances.begin() + 26, 1);
  orders[1] = OrderByImportance(importances);
  PruningMask expected = tiny_model::AllKept();
  expected[0].neurons.erase(expected[0].neurons.begin() + 10, expected[0].neurons.begin() + 26);
  EXPECT_EQ(AfterOneStep(orders, 1), expected);
}

// A head of 8 columns in four products saves as much as 16 neurons in two.
TEST_F(RemovalPathTest, AHeadIsWeighedAgainstTheNeuronsThatSaveAsMuch) {
  EXPECT_EQ(AfterOneStep(Costs(15.9, 1, 1000, 1000), 1)[0].heads.size(), tiny_model::kHeads - 1);
  EXPECT_EQ(AfterOneStep(Costs(16.1, 1, 1000, 1000), 1)[0].heads.size(), tiny_model::kHeads);
}

// The last layer's neurons are computed of first tokens only: where these are a tenth, so is what a neuron saves.
TEST_F(RemovalPathTest, NeuronsOfTheLastLayerAreDearerByTheShareOfFirstTokens) {
  const auto last_layer_loses = [&](double cost_before) {
    return AfterOneStep(Costs(1000, cost_before, 1000, 1), 0.1)[1].neurons.size() < tiny_model::kNeurons;
  };
  EXPECT_FALSE(last_layer_loses(9.9));
  EXPECT_TRUE(last_layer_loses(10.1));
}

// Of the last layer's attention keys and values are computed of every token: half of it, and a tenth of the rest.
TEST_F(RemovalPathTest, HeadsOfTheLastLayerAreDearerByHalfOfThatShare) {
  const auto last_layer_loses = [&](double cost_before) {
    return AfterOneStep(Costs(cost_before, 1000, 1, 1000), 0.1)[1].heads.size() < tiny_model::kHeads;
  };
  EXPECT_FALSE(last_layer_loses(1 / 0.55 - 0.01));
  EXPECT_TRUE(last_layer_loses(1 / 0.55 + 0.01));
}

}  // namespace
}  // namespace roberta::pruner
