#include "profiles/encoder/packed_batch.h"

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
