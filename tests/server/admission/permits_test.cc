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

}  // namespace
}  // namespace roberta::admission
