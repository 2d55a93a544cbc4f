#include "profiles/tool/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/profiles/registry/puppet_recipes.h"
#include "tests/test_paths.h"

namespace roberta::tool {
namespace {

using ::testing::HasSubstr;

/// Says no to a text in a batch of several, and yes to one alone.
class Sociable final : public encoder::Profile {
 public:
  absl::Status Run(const encoder::PackedBatch& batch, absl::Span<float> logits) const override {
    for (size_t i = 0; i < batch.sequences(); ++i) {
      logits[2 * i] = batch.sequences() > 1 ? 1 : -1;
      logits[2 * i + 1] = 0;
    }
    return absl::OkStatus();
  }
  const encoder::ProfileDescription& description() const override { return description_; }

 private:
  encoder::ProfileDescription description_;
};

registry::Recipe RecipeOf(const std::string& name, std::function<registry::LoadedRecipe()> load) {
  registry::Recipe recipe;
  recipe.name = name;
  recipe.load = [load = std::move(load)](const checkpoint::Checkpoint&, const registry::RecipeSettings&) {
    return load();
  };
  return recipe;
}

class EvaluationTest : public testing::Test {
 protected:
  Evaluations Run(const std::vector<registry::Recipe>& recipes, const std::vector<std::string>& names) {
    terminal::ProgressBar progress(stderr, terminal::Display::kNone);
    return Evaluate(model_, sample_, tokenized_, names, 2, recipes, &progress);
  }

  const registry::Model model_ = registry::OpenModel(test_paths::InRepository("models/demo-sst2")).value();
  const quality::Sample sample_ = {{"fine", std::nullopt, 0}, {"dull", std::nullopt, 1}, {"so so", std::nullopt, 0}};
  const quality::TokenizedSample tokenized_ =
      quality::Tokenize(sample_, *model_.tokenizer, model_.checkpoint->config()).value();
};

TEST_F(EvaluationTest, OneThatFailsDoesNotStopTheOthers) {
  const auto broken = registry::PuppetRecipe("broken", 0, [] { return absl::InternalError("no, thanks"); });
  const Evaluations evaluations = Run({registry::PuppetRecipe("baseline"), broken, registry::PuppetRecipe("other")},
                                      {"baseline", "broken", "other"});
  EXPECT_EQ(evaluations.profiles[1].status, absl::InternalError("no, thanks"));
  EXPECT_TRUE(evaluations.profiles[2].status.ok());
  EXPECT_EQ(evaluations.profiles[2].quality->agreement, 1);
}

TEST_F(EvaluationTest, WithoutABaselineWhatNeedsNoneIsMeasured) {
  const auto broken = registry::PuppetRecipe("baseline", 0, [] { return absl::InternalError("no, thanks"); });
  const Evaluations evaluations = Run({broken, registry::PuppetRecipe("other")}, {"other"});
  EXPECT_EQ(evaluations.baseline, absl::InternalError("no, thanks"));
  EXPECT_FALSE(evaluations.profiles[0].quality.has_value());
  EXPECT_DOUBLE_EQ(evaluations.profiles[0].labels->accuracy, 2.0 / 3);
}

TEST_F(EvaluationTest, FlipsAreTextsThatAnswerOtherwiseAlone) {
  const auto sociable = RecipeOf("sociable", []() -> registry::LoadedRecipe { return std::make_unique<Sociable>(); });
  const Evaluations evaluations = Run({registry::PuppetRecipe("baseline"), sociable}, {"baseline", "sociable"});
  EXPECT_EQ(evaluations.profiles[0].flips, 0u);
  EXPECT_EQ(evaluations.profiles[1].flips, 3u);
}

TEST_F(EvaluationTest, AGateIsToldAndNotEnforced) {
  registry::Recipe contrary = registry::PuppetRecipe("contrary", 100);
  contrary.gate.min_agreement = 0.5;
  const Evaluations evaluations = Run({registry::PuppetRecipe("baseline"), contrary}, {"contrary"});
  EXPECT_TRUE(evaluations.profiles[0].status.ok());
  EXPECT_EQ(evaluations.profiles[0].quality->agreement, 0);
  EXPECT_THAT(std::string(evaluations.profiles[0].gate.message()), HasSubstr("agreement is below 50.00 %"));
}

TEST(EvaluationCsv, WhatHoldsCommasOrQuotesIsQuoted) {
  Evaluation failed;
  failed.name = "pruned";
  failed.status = absl::InternalError("tensor \"a\", or so");
  EXPECT_THAT(EvaluationCsv({failed}), HasSubstr("\npruned,failed,\"tensor \"\"a\"\", or so\",,,,,,,,,,,,,\n"));
}

TEST_F(EvaluationTest, AccuracyIsComparedTextByText) {
  const registry::Recipe contrary = registry::PuppetRecipe("contrary", 100);
  const Evaluations evaluations = Run({registry::PuppetRecipe("baseline"), registry::PuppetRecipe("same"), contrary},
                                      {"baseline", "same", "contrary"});
  EXPECT_FALSE(evaluations.profiles[0].accuracy_difference.has_value());
  // The limits for three texts on which both are equally right: z^2 / (3 + z^2).
  ASSERT_TRUE(evaluations.profiles[1].accuracy_difference.has_value());
  EXPECT_EQ(evaluations.profiles[1].accuracy_difference->difference, 0);
  EXPECT_NEAR(evaluations.profiles[1].accuracy_difference->interval.high, 3.841458821 / 6.841458821, 1e-9);
  EXPECT_NE(evaluations.profiles[2].accuracy_difference->difference, 0);
  EXPECT_THAT(
      EvaluationText(evaluations.profiles, {"no", "yes"}),
      HasSubstr("\nsame: accuracy compared with baseline: no difference shown: between -56.1 and +56.1 points\n"));
  const nlohmann::ordered_json json = ToJson(evaluations.profiles[1]);
  EXPECT_EQ(json["accuracy_difference"], 0.0);
  EXPECT_NEAR(json["accuracy_difference_low"].get<double>(), -0.561497, 1e-6);
  EXPECT_TRUE(ToJson(evaluations.profiles[0])["accuracy_difference"].is_null());
}

TEST(EvaluationText, AFailedProfileHasALineAndAReason) {
  Evaluation failed;
  failed.name = "pruned";
  failed.status = absl::InternalError("no\x1b[2J");
  const std::string text = EvaluationText({failed}, {"no", "yes"});
  EXPECT_THAT(text, HasSubstr("\npruned   -         -         -          -      -          -         -    failed\n"));
  EXPECT_THAT(text, HasSubstr("\npruned: no\\u001b[2J\n"));
}

}  // namespace
}  // namespace roberta::tool
