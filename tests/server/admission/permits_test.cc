#include "server/admission/permits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace roberta::admission {
namespace {

using namespace std::chrono_literals;

TEST(Permits, AdmitUpToTheCapacity) {
  Permits permits(2);
  const auto first = permits.TryAdmit(), second = permits.TryAdmit(), third = permits.TryAdmit();
  EXPECT_TRUE(first.permit && second.permit);
  EXPECT_FALSE(third.permit);
  EXPECT_EQ(third.refusal, Refusal::kFull);
}

TEST(Permits, ACallerHoldsNoMoreThanItsShare) {
  Permits permits(10);
  const auto first = permits.TryAdmit(5, 2);
  auto second = permits.TryAdmit(5, 2);
  EXPECT_EQ(permits.TryAdmit(5, 2).refusal, Refusal::kShare);
  EXPECT_TRUE(permits.TryAdmit(6, 2).permit);
  second.permit = Permit();
  EXPECT_TRUE(permits.TryAdmit(5, 2).permit);
}

TEST(Permits, AReturnedPermitMakesRoom) {
  Permits permits(1);
  auto first = permits.TryAdmit();
  first.permit = Permit();
  EXPECT_TRUE(permits.TryAdmit().permit);
}

TEST(Permits, AMovedPermitIsReturnedOnce) {
  Permits permits(1);
  auto first = permits.TryAdmit();
  {
    Permit moved = std::move(first.permit);
    EXPECT_EQ(permits.in_flight(), 1u);
  }
  EXPECT_EQ(permits.in_flight(), 0u);
}

TEST(Permits, ClosedAdmitNobody) {
  Permits permits(1);
  permits.Close();
  EXPECT_EQ(permits.TryAdmit().refusal, Refusal::kClosed);
}

TEST(Permits, WaitUntilIdleGivesUpWhileSomebodyIsInFlight) {
  Permits permits(1);
  const auto held = permits.TryAdmit();
  EXPECT_FALSE(permits.WaitUntilIdle(1ms));
}

TEST(Permits, WaitUntilIdleEndsWithTheLastPermit) {
  Permits permits(1);
  auto held = permits.TryAdmit();
  std::thread other([&] { held.permit = Permit(); });
  EXPECT_TRUE(permits.WaitUntilIdle(60s));
  other.join();
}

TEST(Permits, QuietOnceNobodyCallsAnyMore) {
  Permits permits(1);
  permits.Close();
  EXPECT_EQ(permits.TryAdmit().refusal, Refusal::kClosed);
  EXPECT_TRUE(permits.WaitUntilQuiet(std::chrono::milliseconds(1), std::chrono::seconds(60)));
}

TEST(Permits, NotQuietWhileCallersAreTurnedAway) {
  Permits permits(1);
  permits.Close();
  std::atomic<bool> stop{false};
  std::thread caller([&] {
    while (!stop) permits.TryAdmit();
  });
  EXPECT_FALSE(permits.WaitUntilQuiet(std::chrono::seconds(5), std::chrono::milliseconds(5200)));
  stop = true;
  caller.join();
}

TEST(Permits, NeverMoreThanTheCapacityUnderContention) {
  Permits permits(3);
  std::atomic<int> inside{0}, most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const auto decision = permits.TryAdmit();
        if (!decision.permit) continue;
        const int now = ++inside;
        int seen = most.load();
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(most.load(), 1);
  EXPECT_LE(most.load(), 3);
  EXPECT_EQ(permits.in_flight(), 0u);
}

/// A stream that waits for a permit.
struct Waiter {
  Permits::Admitted OnAdmitted() {
    return [this](Permits::Decision decision) {
      ++calls;
      refusal = decision.refusal;
      permit = std::move(decision.permit);
    };
  }

  int calls = 0;
  Refusal refusal = Refusal::kNone;
  Permit permit;
};

TEST(Permits, AStreamIsAdmittedAtOnceWhereThereIsRoom) {
  Permits permits(2);
  Waiter stream;
  EXPECT_EQ(permits.AdmitWhenFree(stream.OnAdmitted()), 0u);
  EXPECT_TRUE(stream.permit);
  EXPECT_EQ(permits.in_flight(), 1u);
}

TEST(Permits, AStreamWaitsUntilAPermitIsReturned) {
  Permits permits(1);
  auto call = permits.TryAdmit();
  Waiter stream;
  EXPECT_NE(permits.AdmitWhenFree(stream.OnAdmitted()), 0u);
  EXPECT_EQ(stream.calls, 0);
  call.permit = Permit();
  EXPECT_TRUE(stream.permit);
  EXPECT_EQ(permits.in_flight(), 1u);
}

TEST(Permits, StreamsNeverHoldMoreThanHalf) {
  Permits permits(4);
  Waiter first, second, third;
  for (Waiter* stream : {&first, &second, &third}) permits.AdmitWhenFree(stream->OnAdmitted());
  EXPECT_TRUE(first.permit && second.permit);
  EXPECT_EQ(third.calls, 0);
  EXPECT_TRUE(permits.TryAdmit().permit);  // of a call
  second.permit = Permit();
  EXPECT_TRUE(third.permit);
}

TEST(Permits, StreamsAreAdmittedInTheOrderInWhichTheyCame) {
  Permits permits(2);
  Waiter first, second, third;
  for (Waiter* stream : {&first, &second, &third}) permits.AdmitWhenFree(stream->OnAdmitted());
  first.permit = Permit();
  EXPECT_EQ(second.calls, 1);
  EXPECT_EQ(third.calls, 0);
}

TEST(Permits, AStreamThatWaitsGoesBeforeCallsThatComeLater) {
  Permits permits(2);
  auto first = permits.TryAdmit(), second = permits.TryAdmit();
  Waiter stream;
  permits.AdmitWhenFree(stream.OnAdmitted());
  first.permit = Permit();
  EXPECT_TRUE(stream.permit);
  EXPECT_EQ(permits.TryAdmit().refusal, Refusal::kFull);
}

TEST(Permits, AWaitThatIsCancelledGetsNoDecision) {
  Permits permits(1);
  auto call = permits.TryAdmit();
  Waiter stream;
  permits.CancelWait(permits.AdmitWhenFree(stream.OnAdmitted()));
  call.permit = Permit();
  EXPECT_EQ(stream.calls, 0);
  EXPECT_EQ(permits.in_flight(), 0u);
}

TEST(Permits, ClosingRefusesThoseWhoWaitAndThoseWhoCome) {
  Permits permits(1);
  const auto call = permits.TryAdmit();
  Waiter before, after;
  permits.AdmitWhenFree(before.OnAdmitted());
  permits.Close();
  permits.AdmitWhenFree(after.OnAdmitted());
  for (const Waiter* stream : {&before, &after}) {
    EXPECT_EQ(stream->calls, 1);
    EXPECT_EQ(stream->refusal, Refusal::kClosed);
  }
}

TEST(Permits, ThreadsOfCallsAndStreamsLoseNone) {
  Permits permits(4);
  std::atomic<int> admitted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        permits.AdmitWhenFree([&](Permits::Decision decision) { admitted += decision.permit ? 1 : 0; });
        const auto call = permits.TryAdmit();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(permits.WaitUntilIdle(60s));
  EXPECT_EQ(admitted.load(), 2000);
}

}  // namespace
}  // namespace roberta::admission
