#include "profiles/encoder/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace roberta::encoder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kVocabSize = 10;
constexpr int64_t kMaxTokens = 4;

std::string ErrorOf(const std::vector<int32_t>& ids, const std::vector<int32_t>& cu_seqlens) {
  const absl::Status status = ValidateBatch({ids, cu_seqlens}, kVocabSize, kMaxTokens);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(ValidateBatch, AcceptsSequencesUpToTheLimit) {
  EXPECT_TRUE(ValidateBatch({{0, 1, 2, 9, 3}, {0, 4, 5}}, kVocabSize, kMaxTokens).ok());
}

TEST(ValidateBatch, RefusesABatchWithoutSequences) {
  EXPECT_THAT(ErrorOf({}, {}), HasSubstr("no sequences"));
  EXPECT_THAT(ErrorOf({}, {0}), HasSubstr("no sequences"));
}

TEST(ValidateBatch, RefusesBoundariesThatDoNotStartAtZero) {
  EXPECT_THAT(ErrorOf({1, 2}, {1, 2}), HasSubstr("starts at 1"));
}

TEST(ValidateBatch, RefusesBoundariesThatDoNotEndWithTheTokens) {
  EXPECT_THAT(ErrorOf({1, 2}, {0, 3}), HasSubstr("ends at 3, but the batch has 2 tokens"));
}

TEST(ValidateBatch, RefusesAnEmptySequence) {
  EXPECT_THAT(ErrorOf({1, 2}, {0, 2, 2}), HasSubstr("sequence 1: 0 tokens"));
}

TEST(ValidateBatch, RefusesFallingBoundariesWithoutReadingPastTheEnd) {
  EXPECT_THAT(ErrorOf({1, 2}, {0, 1000000, 2}), HasSubstr("sequence 0: 1000000 tokens"));
}

TEST(ValidateBatch, RefusesASequenceOverTheLimit) {
  EXPECT_THAT(ErrorOf({1, 1, 1, 1, 1}, {0, 5}), HasSubstr("sequence 0: 5 tokens, but 1 to 4"));
}

TEST(ValidateBatch, RefusesIdsOutsideOfTheVocabulary) {
  EXPECT_THAT(ErrorOf({1, 10}, {0, 1, 2}), HasSubstr("sequence 1, token 0: id 10"));
  EXPECT_THAT(ErrorOf({-1}, {0, 1}), HasSubstr("id -1"));
}

TEST(ValidateBatch, AcceptsPaddingUpToTheLimit) {
  const std::vector<int32_t> ids = {1, 2, 3}, cu_seqlens = {0, 1, 3};
  for (const size_t padded_length : {2, 3, 4}) {
    EXPECT_TRUE(ValidateBatch({ids, cu_seqlens, padded_length}, kVocabSize, kMaxTokens).ok()) << padded_length;
  }
}

TEST(ValidateBatch, RefusesASequenceLongerThanItIsPaddedTo) {
  const std::vector<int32_t> ids = {1, 2, 3}, cu_seqlens = {0, 1, 3};
  EXPECT_THAT(std::string(ValidateBatch({ids, cu_seqlens, 1}, kVocabSize, kMaxTokens).message()),
              HasSubstr("sequence 1: 2 tokens, but 1 to 1 are possible"));
}

TEST(ValidateBatch, RefusesPaddingOverTheLimit) {
  const std::vector<int32_t> ids = {1, 2, 3}, cu_seqlens = {0, 1, 3};
  EXPECT_THAT(std::string(ValidateBatch({ids, cu_seqlens, 5}, kVocabSize, kMaxTokens).message()),
              HasSubstr("padded to 5 tokens, but no more than 4"));
}

TEST(PackedBatch, CountsPadsAmongWhatIsComputed) {
  const std::vector<int32_t> ids = {1, 2, 3}, cu_seqlens = {0, 1, 3};
  EXPECT_EQ((PackedBatch{ids, cu_seqlens}.computed_tokens(0, 2)), 3u);
  EXPECT_EQ((PackedBatch{ids, cu_seqlens, 4}.computed_tokens(0, 2)), 8u);
}

TEST(PositionIds, CountFromAfterThePadId) {
  std::vector<int32_t> positions(3);
  PositionIds({0, 7, 2}, 1, absl::MakeSpan(positions));
  EXPECT_THAT(positions, ElementsAre(2, 3, 4));
}

TEST(PositionIds, DoNotCountAPadTokenWrittenInTheText) {
  std::vector<int32_t> positions(4);
  PositionIds({0, 1, 7, 2}, 1, absl::MakeSpan(positions));
  EXPECT_THAT(positions, ElementsAre(2, 1, 3, 4));
}

}  // namespace
}  // namespace roberta::encoder
