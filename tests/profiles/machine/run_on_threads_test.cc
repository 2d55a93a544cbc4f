#include "profiles/machine/cores.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace roberta::machine {
namespace {

TEST(RunOnThreads, RunsEveryTaskOnce) {
  std::vector<std::atomic<int>> runs(100);
  RunOnThreads(3, runs.size(), [&](size_t i) { ++runs[i]; });
  for (const auto& count : runs) EXPECT_EQ(count, 1);
}

TEST(RunOnThreads, RunsAsManyAtATimeAsThereAreThreads) {
  std::latch all_run(3);  // would not be reached by fewer
  RunOnThreads(3, 3, [&](size_t) { all_run.arrive_and_wait(); });
}

TEST(RunOnThreads, OneThreadIsTheCallersOwn) {
  RunOnThreads(1, 2, [caller = std::this_thread::get_id()](size_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST(RunOnThreads, NothingToDoIsDone) {
  RunOnThreads(3, 0, [](size_t) { FAIL(); });
}

}  // namespace
}  // namespace roberta::machine
