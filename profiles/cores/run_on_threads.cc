#include "profiles/cores/run_on_threads.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace roberta::cores {

void RunOnThreads(size_t threads, size_t count, const std::function<void(size_t)>& task) {
  std::atomic<size_t> next{0};
  const auto run = [&] {
    for (size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) task(i);
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < std::min(threads, count); ++i) others.emplace_back(run);
  run();
  for (std::thread& other : others) other.join();
}

}  // namespace roberta::cores
