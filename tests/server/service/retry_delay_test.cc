#include "server/service/retry_delay.h"

#include <gtest/gtest.h>

#include "server/service/situations.h"

namespace roberta::service {
namespace {

using namespace std::chrono_literals;

TEST(RetryDelay, TravelsWithTheStatus) {
  const absl::Status status = WithRetryDelay(MakeStatus(Situation::kQueueFull, "full"), 250ms);
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
  EXPECT_FALSE(RetryDelayOf(MakeStatus(Situation::kQueueFull, "full")).has_value());
}

}  // namespace
}  // namespace roberta::service
