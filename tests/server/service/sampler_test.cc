#include "server/service/shadow_traffic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace roberta::service {
namespace {

std::vector<bool> Draws(double fraction, uint64_t seed, int count = 10000) {
  Sampler sampler(fraction, seed);
  std::vector<bool> draws;
  for (int i = 0; i < count; ++i) draws.push_back(sampler.Draw());
  return draws;
}

TEST(Sampler, DrawsTheFraction) {
  for (const double fraction : {0.01, 0.3, 0.9}) {
    const std::vector<bool> draws = Draws(fraction, 7);
    EXPECT_NEAR(std::count(draws.begin(), draws.end(), true), 10000 * fraction, 200);
  }
}

TEST(Sampler, DrawsNoneAtZeroAndAllAtOne) {
  EXPECT_EQ(Draws(0, 7), std::vector<bool>(10000, false));
  EXPECT_EQ(Draws(1, 7), std::vector<bool>(10000, true));
}

TEST(Sampler, TheSeedSettlesWhichAreDrawn) {
  EXPECT_EQ(Draws(0.5, 7), Draws(0.5, 7));
  EXPECT_NE(Draws(0.5, 7), Draws(0.5, 8));
}

TEST(Sampler, ThreadsTogetherDrawWhatOneWould) {
  const std::vector<bool> alone = Draws(0.3, 7);
  Sampler sampler(0.3, 7);
  std::atomic<int> drawn = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2500; ++i) drawn += sampler.Draw();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(drawn, std::count(alone.begin(), alone.end(), true));
}

}  // namespace
}  // namespace roberta::service
