#include "server/service/call_end.h"

#include <gtest/gtest.h>

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
  EXPECT_EQ(ResolveFunction(v1::FUNCTION_AUTO, Config(ProblemType::kRegression, 1)), quality::ScoreFunction::kNone);
  EXPECT_EQ(ResolveFunction(v1::FUNCTION_AUTO, Config(ProblemType::kSingleLabel, 2)), quality::ScoreFunction::kSoftmax);
  EXPECT_EQ(ResolveFunction(v1::FUNCTION_AUTO, Config(ProblemType::kMultiLabel, 2)), quality::ScoreFunction::kSigmoid);
}

TEST(ResolveFunction, WithoutProblemTypeFollowsTheNumberOfLabels) {
  using checkpoint::ProblemType;
  EXPECT_EQ(ResolveFunction(v1::FUNCTION_AUTO, Config(ProblemType::kUnspecified, 1)), quality::ScoreFunction::kSigmoid);
  EXPECT_EQ(ResolveFunction(v1::FUNCTION_AUTO, Config(ProblemType::kUnspecified, 3)), quality::ScoreFunction::kSoftmax);
}

TEST(ResolveFunction, LeavesAChoiceAlone) {
  EXPECT_EQ(ResolveFunction(v1::FUNCTION_NONE, Config(checkpoint::ProblemType::kSingleLabel, 2)),
            quality::ScoreFunction::kNone);
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
