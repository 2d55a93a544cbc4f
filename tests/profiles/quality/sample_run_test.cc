#include "profiles/quality/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "profiles/quality/agreement.h"
#include "tests/profiles/loaded_model.h"
#include "tests/test_paths.h"

namespace roberta::quality {
namespace {

using ::testing::HasSubstr;

/// The first logit of a sequence is its first token; a token of -1 makes it NaN.
class FirstTokens final : public encoder::Profile {
 public:
  absl::Status Run(const encoder::PackedBatch& batch, absl::Span<float> logits) const override {
    largest_batch = std::max(largest_batch, batch.tokens());
    for (size_t i = 0; i < batch.sequences(); ++i) {
      const int32_t token = batch.sequence(i)[0];
      logits[i] = token < 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(token);
    }
    return absl::OkStatus();
  }
  const encoder::ProfileDescription& description() const override { return description_; }

  mutable size_t largest_batch = 0;

 private:
  const encoder::ProfileDescription description_ = {};
};

TokenizedSample Numbered(size_t examples, size_t tokens) {
  TokenizedSample sample;
  for (size_t i = 0; i < examples; ++i) {
    sample.token_ids.insert(sample.token_ids.end(), tokens, static_cast<int32_t>(i));
    sample.lengths.push_back(tokens);
  }
  return sample;
}

TEST(RunSample, PutsEveryExampleInItsPlace) {
  const FirstTokens profile;
  const auto run = RunSample(profile, Numbered(100, 300), 1);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->logits.size(), 100u);
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(run->logits[i], static_cast<float>(i));
  EXPECT_EQ(profile.largest_batch, 300u);
  EXPECT_GT(run->tokens_per_second, 0);
}

TEST(RunSample, FillsBatchesUpToTheirLimit) {
  const FirstTokens profile;
  EXPECT_TRUE(RunSample(profile, Numbered(100, 100), 1).ok());
  EXPECT_EQ(profile.largest_batch, 500u);
}

TEST(RunSample, BatchesMayRunInAnyOrder) {
  const FirstTokens profile;
  const auto run = RunSample(profile, Numbered(100, 100), 1, [](size_t count, const std::function<void(size_t)>& task) {
    for (size_t i = count; i > 0; --i) task(i - 1);
  });
  ASSERT_TRUE(run.ok()) << run.status();
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(run->logits[i], static_cast<float>(i));
}

TEST(RunSample, AnExampleLongerThanABatchRunsAlone) {
  const FirstTokens profile;
  EXPECT_TRUE(RunSample(profile, Numbered(3, kBatchTokens + 1), 1).ok());
  EXPECT_EQ(profile.largest_batch, kBatchTokens + 1);
}

TEST(RunSample, TextsMayRunAlone) {
  const FirstTokens profile;
  EXPECT_TRUE(RunSample(profile, Numbered(3, 2), 1, RunInTurn, kAlone).ok());
  EXPECT_EQ(profile.largest_batch, 2u);
}

TEST(RunSample, BatchesOfSeveralSizesShowWhatIsEfficient) {
  const FirstTokens profile;
  const auto run = RunSample(profile, Numbered(1000, 5), 1, RunInTurn, kSeveralSizes);
  ASSERT_TRUE(run.ok()) << run.status();
  for (size_t i = 0; i < 1000; ++i) EXPECT_EQ(run->logits[i], static_cast<float>(i));
  EXPECT_EQ(profile.largest_batch, 510u);
  ASSERT_TRUE(run->efficient_tokens.has_value());
  EXPECT_GE(*run->efficient_tokens, 64u);
  EXPECT_LE(*run->efficient_tokens, kBatchTokens);
}

/// Three batches of each size that a model whose batches cost `fixed` tokens more than they have would run.
std::vector<TimedBatch> BatchesWith(double fixed) {
  std::vector<TimedBatch> batches;
  for (const size_t tokens : {60, 120, 190, 250, 380, 510}) {
    const double rate = static_cast<double>(tokens) / (static_cast<double>(tokens) + fixed);
    batches.insert(batches.end(), 3, {tokens, rate});
  }
  return batches;
}

TEST(EfficientBatchTokens, AreTheLeastThatComeNearTheBestRate) {
  EXPECT_EQ(EfficientBatchTokens(BatchesWith(0)), 64u);
  EXPECT_EQ(EfficientBatchTokens(BatchesWith(4)), 128u);
  EXPECT_EQ(EfficientBatchTokens(BatchesWith(20)), 384u);
  EXPECT_EQ(EfficientBatchTokens(BatchesWith(100)), 512u);
}

TEST(EfficientBatchTokens, ABatchThatWasHeldUpDoesNotCount) {
  std::vector<TimedBatch> batches = BatchesWith(4);
  for (size_t i = 0; i < batches.size(); i += 3) batches[i].tokens_per_second /= 10;
  EXPECT_EQ(EfficientBatchTokens(batches), 128u);
}

TEST(EfficientBatchTokens, AreUnknownWithoutEnoughLargeBatches) {
  std::vector<TimedBatch> batches = BatchesWith(4);
  batches.pop_back();
  EXPECT_EQ(EfficientBatchTokens(batches), std::nullopt);
  EXPECT_EQ(EfficientBatchTokens({}), std::nullopt);
}

TEST(RunSample, ALogitThatIsNotFiniteIsAnError) {
  TokenizedSample sample = Numbered(5, 2);
  sample.token_ids[6] = -1;
  const auto run = RunSample(FirstTokens(), sample, 1);
  EXPECT_EQ(run.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(run.status().message()), HasSubstr("example 4 of the sample"));
}

TEST(RunSample, QuantizedAgreesWithBaselineOnTheDemoModel) {
  const std::string directory = test_paths::InRepository("models/demo-sst2");
  const profiles_test::LoadedModel baseline(directory, profiles_test::Packed("baseline"));
  const profiles_test::LoadedModel quantized(directory, profiles_test::Packed("quantized"));
  const checkpoint::ModelConfig& config = baseline.checkpoint->config();
  const auto sample = ReadSample(directory + "/" + kSampleFile, config);
  ASSERT_TRUE(sample.ok()) << sample.status();
  const auto tokenized = Tokenize(*sample, *baseline.tokenizer, config);
  ASSERT_TRUE(tokenized.ok()) << tokenized.status();
  const auto expected = RunSample(*baseline.profile, *tokenized, 2);
  const auto run = RunSample(*quantized.profile, *tokenized, 2);
  ASSERT_TRUE(expected.ok() && run.ok());
  const Quality quality = CompareLogits(run->logits, expected->logits, *sample, config);
  EXPECT_GE(quality.agreement, 0.99) << QualityText(quality);
  EXPECT_LT(quality.mean_abs_dp, 0.02) << QualityText(quality);
  EXPECT_GT(quality.baseline_accuracy.value_or(0), 0.7) << QualityText(quality);
}

}  // namespace
}  // namespace roberta::quality
