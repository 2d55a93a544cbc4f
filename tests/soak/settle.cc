#include "tests/soak/settle.h"

#include <cstdio>
#include <functional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace roberta::soak {

namespace {

using Clock = std::chrono::steady_clock;
using loadtest::target::MetricsPage;

constexpr std::chrono::seconds kPatience(120);

/// Asks the server again and again until `holds`; what it said last if that takes too long.
absl::Status Await(const Setup& setup, const std::function<absl::Status(const MetricsPage&)>& holds) {
  const auto end = Clock::now() + kPatience;
  while (true) {
    const auto page = MetricsPage::Of(setup.server->metrics_address());
    absl::Status status = page.ok() ? holds(*page) : page.status();
    if (status.ok() || Clock::now() > end) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

absl::Status IsIdle(const MetricsPage& page) {
  const double inflight = page.Sum("roberta_inflight_requests"), queued = page.Sum("roberta_queue_items");
  if (inflight == 0 && queued == 0) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("with no call left the server has ", inflight, " under way and ", queued, " items queued"));
}

}  // namespace

Broken Settle(const Setup& setup, const MetricsPage& before, const Books& books) {
  Broken broken = books.Broken();
  absl::Status status = Await(setup, [&](const MetricsPage& after) { return books.CompareWith(before, after); });
  if (!status.ok()) broken.emplace_back(status.message());
  status = Await(setup, IsIdle);
  if (!status.ok()) broken.emplace_back(status.message());
  return broken;
}

void PrintBooks(const std::string& what, const Books& books, Clock::time_point start) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%s: %d calls in %.1f s (%s); %d results held against the text alone\n", what.c_str(),
              static_cast<int>(books.sent()), seconds,
              absl::StrJoin(books.ByCode(), ", ", absl::PairFormatter(" ")).c_str(),
              static_cast<int>(books.compared()));
  std::fflush(stdout);
}

}  // namespace roberta::soak
