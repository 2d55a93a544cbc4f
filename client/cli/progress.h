#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>

namespace roberta::cli {

/// What has been done of a long work.
struct Done {
  uint64_t items = 0;
  uint64_t bytes = 0;        ///< of the input
  uint64_t total_bytes = 0;  ///< 0: unknown
};

/// One line of progress: share, items, rate, time left where the total is known.
/// "[#########-----------]  45 %  1,234 items  350 items/s  0:12 left"
std::string ProgressLine(const Done& done, double seconds);

/// 1234567 as "1,234,567".
std::string WithSeparators(uint64_t number);

/// Shows ProgressLine at the bottom of a terminal, at most ten times a second.
class ProgressBar {
 public:
  /// Does nothing if not `enabled`. `terminal` stays the caller's.
  ProgressBar(std::FILE* terminal, bool enabled);
  ~ProgressBar() { Hide(); }

  void Update(const Done& done);
  /// Makes room for other output; the next Update shows it again.
  void Hide();

 private:
  using Clock = std::chrono::steady_clock;

  std::FILE* const terminal_;
  const bool enabled_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point shown_at_ = start_;
  bool visible_ = false;
};

}  // namespace roberta::cli
