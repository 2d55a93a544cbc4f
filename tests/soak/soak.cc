#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "loadtest/target/metrics_page.h"
#include "tests/soak/drive.h"
#include "tests/soak/memory.h"
#include "tests/soak/scenarios.h"
#include "tests/soak/settle.h"

namespace roberta::soak {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLoadTimeout(300);

/// Memory of the server twenty times a second: often enough that the middle of a quarter is not what a profile needs
/// for a moment while it is loaded.
class MemorySamples {
 public:
  explicit MemorySamples(const loadtest::target::ServerProcess* server)
      : thread_([this, server] {
          while (!ending_) {
            samples_.push_back(ResidentBytes(server->pid()));
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
          }
        }) {}

  /// The second quarter's middle against the last one's.
  Broken Stop() {
    ending_ = true;
    thread_.join();
    const size_t quarter = samples_.size() / 4;
    if (quarter == 0) return {};
    const auto median = [&](size_t first) {
      std::vector<int64_t> part(samples_.begin() + static_cast<ptrdiff_t>(first),
                                samples_.begin() + static_cast<ptrdiff_t>(first + quarter));
      std::nth_element(part.begin(), part.begin() + static_cast<ptrdiff_t>(quarter / 2), part.end());
      return part[quarter / 2];
    };
    return GrowthOf("resident memory, second and last quarter", median(quarter), median(samples_.size() - quarter));
  }

 private:
  std::atomic<bool> ending_{false};
  std::vector<int64_t> samples_;
  std::thread thread_;
};

/// Unloads and loads a profile again and again, and watches the primitives in between.
class ComingAndGoing {
 public:
  explicit ComingAndGoing(const Setup& setup) : setup_(setup), client_({.address = setup.server->address()}) {}

  void RunUntil(Clock::time_point end) {
    while (Clock::now() < end) {
      const double warm = Primitives();
      std::this_thread::sleep_for(std::min(kBetweenLoads, std::max(end - Clock::now(), Clock::duration::zero())));
      const double then = Primitives();
      // The first stretch is the warm-up.
      if (loads_ > 0 && then != warm) {
        broken_.push_back(absl::StrCat(then - warm, " primitives were made between loads"));
      }
      const auto unloaded = client_.UnloadProfile(kComesAndGoes, kLoadTimeout);
      if (!unloaded.ok()) broken_.push_back(absl::StrCat("unload: ", unloaded.status().ToString()));
      const auto loaded = client_.LoadProfile(kComesAndGoes, kLoadTimeout);
      if (!loaded.ok()) broken_.push_back(absl::StrCat("load: ", loaded.status().ToString()));
      if (loaded.ok() && !loaded->failure().empty()) broken_.push_back(absl::StrCat("load: ", loaded->failure()));
      ++loads_;
    }
  }

  int loads() const { return loads_; }
  const Broken& broken() const { return broken_; }

 private:
  static constexpr Clock::duration kBetweenLoads = std::chrono::seconds(2);

  double Primitives() {
    const auto page = loadtest::target::MetricsPage::Of(setup_.server->metrics_address());
    if (!page.ok()) broken_.emplace_back(page.status().message());
    return page.ok() ? page->Sum("roberta_kernel_primitives_created_total") : 0;
  }

  const Setup& setup_;
  client::Client client_;
  int loads_ = 0;
  Broken broken_;
};

}  // namespace

Broken Soak(const Setup& setup, std::chrono::seconds duration) {
  const auto before = loadtest::target::MetricsPage::Of(setup.server->metrics_address());
  if (!before.ok()) return {std::string(before.status().message())};
  const auto start = Clock::now();
  const auto end = start + duration;
  MemorySamples memory(setup.server);
  ComingAndGoing coming_and_going(setup);
  std::thread administration([&] { coming_and_going.RunUntil(end); });

  client::DirectClient client({.address = setup.server->address(), .connections = 2});
  CallGenerator generator(&setup.texts, {kSteady, kExact, kComesAndGoes}, setup.seed);
  Books books(&setup.alone);
  Drive(
      &client, setup.in_flight, [&] { return Clock::now() < end; }, [&] { return generator.Next(); }, &books);
  administration.join();

  PrintBooks("soak", books, start);
  std::printf("  the profile %s was unloaded and loaded %d times\n", kComesAndGoes, coming_and_going.loads());
  Broken broken = Settle(setup, *before, books);
  broken.insert(broken.end(), coming_and_going.broken().begin(), coming_and_going.broken().end());
  const Broken growth = memory.Stop();
  broken.insert(broken.end(), growth.begin(), growth.end());
  return broken;
}

}  // namespace roberta::soak
