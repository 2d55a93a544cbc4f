#include <algorithm>
#include <cstdio>
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

/// Unloads and loads a profile again and again. Watches the primitives in between, and the server's memory just before
/// each unloading, when all profiles are loaded and nothing else is: while one is loaded, memory is higher for a
/// moment.
class ComingAndGoing {
 public:
  explicit ComingAndGoing(const Setup& setup) : setup_(setup), client_({.address = setup.server->address()}) {}

  void RunUntil(Clock::time_point end) {
    while (Clock::now() < end) {
      const double warm = Primitives();
      const Clock::duration stretch = loads_ == 0 ? kWarmUp : kBetweenLoads;
      std::this_thread::sleep_for(std::min(stretch, std::max(end - Clock::now(), Clock::duration::zero())));
      resident_bytes_.push_back(ResidentBytes(setup_.server->pid()));
      const double then = Primitives();
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

  /// The least of the last quarter against the most of the first half. A freed profile's memory goes back to the system
  /// or stays with the allocator, as it happens, so single values differ by a profile's size; a leak lifts them all.
  Broken Growth() const {
    const size_t half = resident_bytes_.size() / 2, quarter = resident_bytes_.size() / 4;
    if (quarter == 0) return {};
    return GrowthOf("resident memory, first half's highest and last quarter's lowest",
                    *std::max_element(resident_bytes_.begin(), resident_bytes_.begin() + static_cast<ptrdiff_t>(half)),
                    *std::min_element(resident_bytes_.end() - static_cast<ptrdiff_t>(quarter), resident_bytes_.end()));
  }

 private:
  static constexpr Clock::duration kWarmUp = std::chrono::seconds(2), kBetweenLoads = std::chrono::seconds(1);

  double Primitives() {
    const auto page = loadtest::target::MetricsPage::Of(setup_.server->metrics_address());
    if (!page.ok()) broken_.emplace_back(page.status().message());
    return page.ok() ? page->Sum("roberta_kernel_primitives_created_total") : 0;
  }

  const Setup& setup_;
  client::Client client_;
  int loads_ = 0;
  std::vector<int64_t> resident_bytes_;
  Broken broken_;
};

}  // namespace

Broken Soak(const Setup& setup, std::chrono::seconds duration) {
  const auto before = loadtest::target::MetricsPage::Of(setup.server->metrics_address());
  if (!before.ok()) return {std::string(before.status().message())};
  const auto start = Clock::now();
  const auto end = start + duration;
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
  const Broken growth = coming_and_going.Growth();
  broken.insert(broken.end(), growth.begin(), growth.end());
  return broken;
}

}  // namespace roberta::soak
