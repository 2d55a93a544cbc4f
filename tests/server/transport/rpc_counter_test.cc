#include "server/transport/rpc_counter.h"

#include <gtest/gtest.h>

namespace roberta::transport {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(IsReset, WhatIsCancelledAtOnce) {
  EXPECT_TRUE(IsReset(milliseconds(0), hours(1)));
  EXPECT_TRUE(IsReset(milliseconds(1), milliseconds(200)));
  EXPECT_TRUE(IsReset(milliseconds(9), std::chrono::steady_clock::duration::max())) << "it has no deadline";
}

TEST(IsReset, NotWhatHasItsDeadlineOrHasHadItsStreamForAWhile) {
  EXPECT_FALSE(IsReset(milliseconds(5), milliseconds(4)));
  EXPECT_FALSE(IsReset(milliseconds(5), milliseconds(-100)));
  EXPECT_FALSE(IsReset(milliseconds(10), milliseconds(190)))
      << "a call that waited in its client was sent with the whole timeout";
}

}  // namespace
}  // namespace roberta::transport
