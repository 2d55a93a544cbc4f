#include "profiles/pruner/curvature.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/profiles/pruner/tiny_model.h"

namespace roberta::pruner {
namespace {

using ::testing::HasSubstr;

constexpr size_t kAll = 1'000'000;

std::vector<size_t> Indices(const TextSplit& split) {
  std::vector<size_t> all = split.fit;
  all.insert(all.end(), split.tune.begin(), split.tune.end());
  all.insert(all.end(), split.held_out.begin(), split.held_out.end());
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<size_t> FirstNumbers(size_t count) {
  std::vector<size_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), size_t{0});
  return numbers;
}

TEST(SplitTexts, EveryTextIsInOneListWhereThereIsRoomForAll) {
  const std::vector<size_t> lengths(101, 9);
  EXPECT_EQ(Indices(SplitTexts(lengths, kAll, kAll, 3).value()), FirstNumbers(101));
}

TEST(SplitTexts, NoTextIsInTwoListsWhereThereIsNot) {
  const std::vector<size_t> lengths(100, 9);
  const std::vector<size_t> indices = Indices(SplitTexts(lengths, 30, 20, 3).value());
  EXPECT_EQ(std::set<size_t>(indices.begin(), indices.end()).size(), 50u);
  EXPECT_EQ(indices.size(), 50u);
}

TEST(SplitTexts, AQuarterIsHeldOutAndThreeQuartersOfTheRestAreToFit) {
  const TextSplit split = SplitTexts(std::vector<size_t>(160, 9), kAll, kAll, 0).value();
  EXPECT_EQ(split.held_out.size(), 40u);
  EXPECT_EQ(split.fit.size(), 90u);
  EXPECT_EQ(split.tune.size(), 30u);
}

TEST(SplitTexts, TheMostOfEachKindIsKept) {
  const TextSplit split = SplitTexts(std::vector<size_t>(160, 9), 40, 11, 0).value();
  EXPECT_EQ(split.held_out.size(), 11u);
  EXPECT_EQ(split.fit.size(), 30u);
  EXPECT_EQ(split.tune.size(), 10u);
}

TEST(SplitTexts, TheSeedDecides) {
  const std::vector<size_t> lengths(100, 9);
  const TextSplit one = SplitTexts(lengths, 30, 20, 1).value(), same = SplitTexts(lengths, 30, 20, 1).value(),
                  other = SplitTexts(lengths, 30, 20, 2).value();
  EXPECT_EQ(one.fit, same.fit);
  EXPECT_EQ(one.tune, same.tune);
  EXPECT_EQ(one.held_out, same.held_out);
  EXPECT_NE(one.held_out, other.held_out);
  EXPECT_NE(one.fit, other.fit);
}

/// How many of `texts` are among the long ones, which are every other.
size_t CountLong(const std::vector<size_t>& texts) {
  return static_cast<size_t>(std::count_if(texts.begin(), texts.end(), [](size_t text) { return text % 2 == 1; }));
}

std::vector<size_t> ShortAndLong(size_t count) {
  std::vector<size_t> lengths(count, 3);
  for (size_t i = 1; i < count; i += 2) lengths[i] = 300;
  return lengths;
}

TEST(SplitTexts, LongTextsArePreferredToLearnFrom) {
  const TextSplit split = SplitTexts(ShortAndLong(4000), 400, 0, 0).value();
  EXPECT_GT(CountLong(split.fit), 285u);  // of 300; 297 are expected, and 150 where length is nothing
  EXPECT_GT(CountLong(split.tune), 90u);
}

TEST(SplitTexts, HeldOutTextsStandForAll) {
  const TextSplit split = SplitTexts(ShortAndLong(4000), 400, 400, 0).value();
  EXPECT_NEAR(static_cast<double>(CountLong(split.held_out)), 200, 50);  // five standard deviations
}

TEST(SplitTexts, FewerTextsThanTheFewestAreRefused) {
  EXPECT_TRUE(SplitTexts(std::vector<size_t>(kFewestTexts, 3), kAll, kAll, 0).ok());
  const absl::Status status = SplitTexts(std::vector<size_t>(kFewestTexts - 1, 3), kAll, kAll, 0).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("15 texts; pruning needs 16"));
}

std::vector<int64_t> Numbers(const at::Tensor& tensor) {
  return {tensor.data_ptr<int64_t>(), tensor.data_ptr<int64_t>() + tensor.numel()};
}

class FormTextBatchesTest : public testing::Test {
 protected:
  const quality::TokenizedSample sample_ = tiny_model::RandomTexts(100, 5);
  const std::vector<TextBatch> batches_ = FormTextBatches(sample_, FirstNumbers(100), 1);
};

TEST_F(FormTextBatchesTest, EveryTextIsInOneBatch) {
  std::vector<size_t> texts;
  for (const TextBatch& batch : batches_) texts.insert(texts.end(), batch.texts.begin(), batch.texts.end());
  std::sort(texts.begin(), texts.end());
  EXPECT_EQ(texts, FirstNumbers(100));
}

TEST_F(FormTextBatchesTest, OnlyTheTextsAskedForAreThere) {
  const std::vector<TextBatch> batches = FormTextBatches(sample_, {{7, 50}}, 1);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(std::set<size_t>(batches[0].texts.begin(), batches[0].texts.end()), (std::set<size_t>{7, 50}));
}

TEST_F(FormTextBatchesTest, RowsStayWithinTheirLimit) {
  EXPECT_GT(batches_.size(), 2u);
  for (const TextBatch& batch : batches_)
    EXPECT_LE(batch.padded.token_ids.numel(), static_cast<int64_t>(kPaddedTokens));
}

TEST_F(FormTextBatchesTest, ATextLongerThanTheLimitIsAlone) {
  quality::TokenizedSample sample;
  sample.lengths = {5, kPaddedTokens + 1, 5};
  sample.token_ids.assign(kPaddedTokens + 11, 4);
  const std::vector<TextBatch> batches = FormTextBatches(sample, FirstNumbers(3), 1);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].texts, (std::vector<size_t>{0, 2}));
  EXPECT_EQ(batches[1].texts, (std::vector<size_t>{1}));
}

TEST_F(FormTextBatchesTest, ShortTextsComeFirst) {
  size_t longest = 0;
  for (const TextBatch& batch : batches_) {
    for (const size_t text : batch.texts) {
      EXPECT_GE(sample_.lengths[text], longest);
      longest = sample_.lengths[text];
    }
  }
}

TEST_F(FormTextBatchesTest, TokensAreTheRowsOfTheTextsTokens) {
  std::vector<size_t> starts(sample_.lengths.size() + 1, 0);
  std::partial_sum(sample_.lengths.begin(), sample_.lengths.end(), starts.begin() + 1);
  for (const TextBatch& batch : batches_) {
    std::vector<int64_t> expected;
    for (const size_t text : batch.texts) {
      for (size_t t = starts[text]; t < starts[text + 1]; ++t) expected.push_back(sample_.token_ids[t]);
    }
    EXPECT_EQ(Numbers(batch.padded.token_ids.flatten().index_select(0, batch.tokens)), expected);
    EXPECT_EQ(batch.padded.attention_mask.flatten().index_select(0, batch.tokens).abs().max().item<float>(), 0);
  }
}

TEST_F(FormTextBatchesTest, FirstsAreTheRowsOfTheTextsFirstTokens) {
  for (const TextBatch& batch : batches_) {
    std::vector<int64_t> expected;
    for (size_t i = 0; i < batch.texts.size(); ++i) {
      expected.push_back(static_cast<int64_t>(i) * batch.padded.token_ids.size(1));
    }
    EXPECT_EQ(Numbers(batch.firsts), expected);
  }
}

}  // namespace
}  // namespace roberta::pruner
