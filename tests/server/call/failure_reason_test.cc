#include "server/call/failure_reason.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/test_paths.h"

namespace roberta::call {
namespace {

using namespace std::chrono_literals;

TEST(FailureReason, TableIsTheGoldenOne) {
  std::ostringstream table;
  table << "reason\tcode\n";
  for (const FailureReasonRow& row : kFailureReasons)
    table << row.name << '\t' << absl::StatusCodeToString(row.code) << '\n';
  std::ostringstream golden;
  golden << std::ifstream(test_paths::InRepository("tests/golden/status_table.tsv")).rdbuf();
  EXPECT_EQ(table.str(), golden.str());
}

TEST(FailureReason, RowsStandInTheOrderOfTheEnumeration) {
  for (size_t i = 0; i < kFailureReasons.size(); ++i) EXPECT_EQ(static_cast<size_t>(kFailureReasons[i].reason), i);
}

TEST(FailureReason, AStatusRemembersItsReason) {
  for (const FailureReasonRow& row : kFailureReasons) EXPECT_STREQ(ReasonOf(MakeStatus(row.reason, "why")), row.name);
}

TEST(FailureReason, AnotherMessageDoesNotChangeTheReason) {
  const absl::Status status = WithMessage(MakeStatus(FailureReason::kQueueFull, "why"), "because");
  EXPECT_STREQ(ReasonOf(status), "queue_full");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(std::string(status.message()), "because");
}

TEST(FailureReason, AStatusFromElsewhereHasNone) {
  EXPECT_STREQ(ReasonOf(absl::OkStatus()), "");
  EXPECT_STREQ(ReasonOf(absl::InternalError("why")), "");
}

TEST(FailureReason, EveryCodeIsFoundByItsReason) {
  for (const FailureReasonRow& row : kFailureReasons)
    EXPECT_EQ(MakeStatus(row.reason, "why").code(), row.code) << row.name;
}

TEST(RetryDelay, TravelsWithTheStatus) {
  const absl::Status status = WithRetryDelay(MakeStatus(FailureReason::kQueueFull, "full"), 250ms);
  EXPECT_EQ(RetryDelayOf(status), 250ms);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_STREQ(ReasonOf(status), "queue_full");
}

TEST(RetryDelay, IsAtLeastAMillisecond) {
  EXPECT_EQ(RetryDelayOf(WithRetryDelay(absl::UnavailableError("x"), -5s)), 1ms);
}

TEST(RetryDelay, IsNeverTooShort) {
  EXPECT_EQ(RetryDelayOf(WithRetryDelay(absl::UnavailableError("x"), 1'000'001ns)), 2ms);
}

TEST(RetryDelay, AStatusHasNoneOfItself) {
  EXPECT_FALSE(RetryDelayOf(absl::OkStatus()).has_value());
  EXPECT_FALSE(RetryDelayOf(MakeStatus(FailureReason::kQueueFull, "full")).has_value());
}

}  // namespace
}  // namespace roberta::call
