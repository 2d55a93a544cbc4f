#include "server/service/response.h"

#include <gtest/gtest.h>

#include <array>

namespace roberta::service {
namespace {

checkpoint::ModelConfig Config(checkpoint::ProblemType type, size_t labels) {
  checkpoint::ModelConfig config;
  config.problem_type = type;
  for (size_t i = 0; i < labels; ++i) config.labels.push_back("label" + std::to_string(i));
  return config;
}

TEST(ResolveFunction, FollowsTheProblemType) {
  using checkpoint::ProblemType;
  EXPECT_EQ(ResolveFunction(v1::FUNCTION_AUTO, Config(ProblemType::kRegression, 1)), v1::FUNCTION_NONE);
  EXPECT_EQ(ResolveFunction(v1::FUNCTION_AUTO, Config(ProblemType::kSingleLabel, 2)), v1::FUNCTION_SOFTMAX);
  EXPECT_EQ(ResolveFunction(v1::FUNCTION_AUTO, Config(ProblemType::kMultiLabel, 2)), v1::FUNCTION_SIGMOID);
}

TEST(ResolveFunction, WithoutProblemTypeFollowsTheNumberOfLabels) {
  using checkpoint::ProblemType;
  EXPECT_EQ(ResolveFunction(v1::FUNCTION_AUTO, Config(ProblemType::kUnspecified, 1)), v1::FUNCTION_SIGMOID);
  EXPECT_EQ(ResolveFunction(v1::FUNCTION_AUTO, Config(ProblemType::kUnspecified, 3)), v1::FUNCTION_SOFTMAX);
}

TEST(ResolveFunction, LeavesAChoiceAlone) {
  EXPECT_EQ(ResolveFunction(v1::FUNCTION_NONE, Config(checkpoint::ProblemType::kSingleLabel, 2)), v1::FUNCTION_NONE);
}

TEST(ApplyFunction, SoftmaxAddsUpToOneAndKeepsRatios) {
  std::array<float, 3> values = {1000.0f, 999.0f, -1000.0f};
  ApplyFunction(v1::FUNCTION_SOFTMAX, absl::MakeSpan(values));
  EXPECT_NEAR(values[0], 0.7310586, 1e-6);
  EXPECT_NEAR(values[1], 0.2689414, 1e-6);
  EXPECT_EQ(values[2], 0.0f);
}

TEST(ApplyFunction, SigmoidStaysFiniteAtTheEnds) {
  std::array<float, 3> values = {-1000.0f, 0.0f, 1000.0f};
  ApplyFunction(v1::FUNCTION_SIGMOID, absl::MakeSpan(values));
  EXPECT_EQ(values[0], 0.0f);
  EXPECT_EQ(values[1], 0.5f);
  EXPECT_EQ(values[2], 1.0f);
}

TEST(ApplyFunction, NoneLeavesLogits) {
  std::array<float, 2> values = {-3.0f, 4.0f};
  ApplyFunction(v1::FUNCTION_NONE, absl::MakeSpan(values));
  EXPECT_EQ(values[0], -3.0f);
}

TEST(FillScores, BestFirstTiesByIndex) {
  v1::Classification out;
  FillScores({0.2f, 0.4f, 0.4f}, Config(checkpoint::ProblemType::kUnspecified, 3), std::nullopt, &out);
  ASSERT_EQ(out.scores_size(), 3);
  EXPECT_EQ(out.scores(0).index(), 1);
  EXPECT_EQ(out.scores(1).index(), 2);
  EXPECT_EQ(out.scores(2).index(), 0);
  EXPECT_EQ(out.label(), "label1");
  EXPECT_EQ(out.index(), 1);
  EXPECT_EQ(out.score(), 0.4f);
}

TEST(FillScores, KeepsTopK) {
  v1::Classification out;
  FillScores({0.1f, 0.7f, 0.2f}, Config(checkpoint::ProblemType::kUnspecified, 3), 2, &out);
  ASSERT_EQ(out.scores_size(), 2);
  EXPECT_EQ(out.scores(1).index(), 2);
}

TEST(FillScores, MoreThanAllIsAll) {
  v1::Classification out;
  FillScores({0.1f, 0.9f}, Config(checkpoint::ProblemType::kUnspecified, 2), 100, &out);
  EXPECT_EQ(out.scores_size(), 2);
}

}  // namespace
}  // namespace roberta::service
