#include "server/service/profile_backend.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/server/service/puppet_profile.h"

namespace roberta::service {
namespace {

constexpr int32_t kPoison = 99;
const std::vector<int32_t> kIds = {1, 2, kPoison, 3, 4, 5};
const std::vector<size_t> kLengths = {2, 1, 3};

/// Fails or spoils every batch that holds the poisoned token.
PuppetProfile Poisoned(bool by_status) {
  return PuppetProfile([by_status](const encoder::PackedBatch& batch, absl::Span<float> logits) {
    absl::Status status = PuppetProfile::CountTokens(batch, logits);
    for (size_t i = 0; i < batch.sequences(); ++i) {
      if (batch.sequence(i)[0] != kPoison) continue;
      if (by_status) return absl::InternalError("poison");
      logits[i] = std::numeric_limits<float>::quiet_NaN();
    }
    return status;
  });
}

TEST(RunProfile, GivesEverySequenceItsLogits) {
  std::vector<float> logits(3);
  const auto statuses = RunProfile(PuppetProfile(), kIds, kLengths, 0, 1, absl::MakeSpan(logits));
  for (const absl::Status& status : statuses) EXPECT_TRUE(status.ok());
  EXPECT_EQ(logits, (std::vector<float>{2, 1, 3}));
}

TEST(RunProfile, PadsAsAsked) {
  size_t padded_length = 0;
  const PuppetProfile padded([&](const encoder::PackedBatch& batch, absl::Span<float> logits) {
    padded_length = batch.padded_length;
    return PuppetProfile::CountTokens(batch, logits);
  });
  std::vector<float> logits(3);
  RunProfile(padded, kIds, kLengths, 3, 1, absl::MakeSpan(logits));
  EXPECT_EQ(padded_length, 3u);
}

TEST(RunProfile, AFailingBatchHarmsOnlyTheSequenceAtFault) {
  std::vector<float> logits(3);
  const auto statuses = RunProfile(Poisoned(true), kIds, kLengths, 0, 1, absl::MakeSpan(logits));
  EXPECT_TRUE(statuses[0].ok());
  EXPECT_EQ(statuses[1].code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(statuses[2].ok());
  EXPECT_EQ(logits[0], 2);
  EXPECT_EQ(logits[2], 3);
}

TEST(RunProfile, LogitsThatAreNotFiniteAreAFailure) {
  std::vector<float> logits(3);
  const auto statuses = RunProfile(Poisoned(false), kIds, kLengths, 0, 1, absl::MakeSpan(logits));
  EXPECT_TRUE(statuses[0].ok());
  EXPECT_EQ(statuses[1].code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(statuses[2].ok());
}

TEST(RunProfile, AFailureThatPassesIsRepairedByTheSecondTry) {
  int runs = 0;
  const PuppetProfile flaky([&](const encoder::PackedBatch& batch, absl::Span<float> logits) {
    return runs++ == 0 ? absl::InternalError("once") : PuppetProfile::CountTokens(batch, logits);
  });
  std::vector<float> logits(3);
  for (const absl::Status& status : RunProfile(flaky, kIds, kLengths, 0, 1, absl::MakeSpan(logits)))
    EXPECT_TRUE(status.ok());
  EXPECT_EQ(logits, (std::vector<float>{2, 1, 3}));
  EXPECT_EQ(runs, 4);
}

}  // namespace
}  // namespace roberta::service
