#include "loadtest/quality/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roberta::loadtest::quality {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

workload::Request Carrying(std::vector<uint32_t> texts) {
  return {.texts = std::move(texts)};
}

v1::ClassifyResponse Answers(const std::vector<std::string>& labels, float score = 0.75F, int index = 0) {
  v1::ClassifyResponse response;
  for (const std::string& label : labels) {
    auto* classification = response.add_results()->mutable_classification();
    classification->set_label(label);
    classification->set_index(index);
    classification->set_score(score);
  }
  return response;
}

TEST(Comparison, CountsCorrectLabels) {
  const Reference reference = {.expected = {"positive", "negative", ""}};
  Comparison comparison(reference);
  comparison.Add(Carrying({0, 1, 2}), Answers({"positive", "positive", "positive"}));
  EXPECT_EQ(comparison.quality().labelled, 2);
  EXPECT_EQ(comparison.quality().correct, 1);
  EXPECT_EQ(comparison.quality().alone_compared, 0);
  EXPECT_EQ(comparison.quality().baseline_compared, 0);
}

TEST(Comparison, ALabelMayBeAnIndex) {
  const Reference reference = {.expected = {"1"}};
  Comparison comparison(reference);
  comparison.Add(Carrying({0}), Answers({"positive"}, 0.9F, 1));
  comparison.Add(Carrying({0}), Answers({"negative"}, 0.9F, 0));
  EXPECT_EQ(comparison.quality().correct, 1);
}

TEST(Comparison, CountsFlipsAndAgreement) {
  const AloneLabels own = {.of_text = {"positive", "negative", ""}};
  const AloneLabels baseline = {.of_text = {"positive", "positive", "positive"}};
  const Reference reference = {.own = &own, .of_baseline = &baseline};
  Comparison comparison(reference);
  for (int i = 0; i < 3; ++i) comparison.Add(Carrying({0, 1, 2}), Answers({"positive", "positive", "negative"}));
  const record::Quality& quality = comparison.quality();
  EXPECT_EQ(quality.alone_compared, 6);
  EXPECT_EQ(quality.alone_flips, 3);
  EXPECT_EQ(quality.baseline_compared, 9);
  EXPECT_EQ(quality.baseline_agreed, 6);
  EXPECT_EQ(quality.labelled, 0);
  EXPECT_THAT(quality.calibration, IsEmpty());
}

TEST(AddAlone, JudgesEveryTextOnce) {
  const AloneLabels own = {.of_text = {"positive", "negative", "", "negative"}, .index_of_text = {1, 0, 0, 0}};
  const AloneLabels baseline = {.of_text = {"positive", "positive", "positive", ""}, .index_of_text = {1, 1, 1, 0}};
  record::Quality quality;
  AddAlone({.expected = {"1", "positive", "positive", ""}, .own = &own, .of_baseline = &baseline}, &quality);
  EXPECT_EQ(quality.texts_labelled, 2);
  EXPECT_EQ(quality.texts_correct, 1);
  EXPECT_EQ(quality.texts_compared, 2);
  EXPECT_EQ(quality.texts_agreed, 1);
  EXPECT_EQ(quality.texts_paired, 2);
  EXPECT_EQ(quality.texts_only_correct, 0);
  EXPECT_EQ(quality.texts_only_baseline_correct, 1);
  EXPECT_EQ(quality.labelled, 0);
  quality = {};
  AddAlone({.expected = {"1"}}, &quality);
  EXPECT_EQ(quality.texts_labelled, 0);
}

TEST(Comparison, CalibrationCountsByProbability) {
  const Reference reference = {.expected = {"positive"}};
  Comparison comparison(reference);
  comparison.Add(Carrying({0}), Answers({"positive"}, 1.0F));
  comparison.Add(Carrying({0}), Answers({"negative"}, 0.95F));
  comparison.Add(Carrying({0}), Answers({"positive"}, 0.5F));
  comparison.Add(Carrying({0}), Answers({"positive"}, 7.0F));  // no probability
  const auto& bins = comparison.quality().calibration;
  ASSERT_EQ(bins.size(), 15u);
  EXPECT_EQ(bins[14].count, 2);
  EXPECT_EQ(bins[14].correct, 1);
  EXPECT_NEAR(bins[14].probability_sum, 1.95, 1e-6);
  EXPECT_EQ(bins[7].count, 1);
  EXPECT_EQ(comparison.quality().labelled, 4);
}

TEST(Comparison, ItemsWithoutAClassificationAreNotCompared) {
  const Reference reference = {.expected = {"positive", "positive"}};
  Comparison comparison(reference);
  v1::ClassifyResponse response = Answers({"positive"});
  response.add_results()->mutable_status()->set_code(3);
  comparison.Add(Carrying({0, 1}), response);
  EXPECT_EQ(comparison.quality().labelled, 1);
}

TEST(ExpectedLabels, AreThoseOfAllClassesInOrder) {
  workload::RequestClass unlabelled = {.items = std::vector<v1::Item>(2)};
  workload::RequestClass labelled = {.items = std::vector<v1::Item>(2), .labels = {"a", ""}};
  EXPECT_THAT(ExpectedLabels({unlabelled, labelled}), ElementsAre("", "", "a", ""));
  EXPECT_THAT(ExpectedLabels({unlabelled}), IsEmpty());
}

}  // namespace
}  // namespace roberta::loadtest::quality
