#pragma once

#include <array>
#include <cstddef>
#include <functional>

#include "server/metrics/families.h"

namespace roberta::metrics {

/// Why the level of the brown-out changed.
enum class LevelChange { kPressure, kRelief, kLostStep };

inline constexpr std::array<const char*, 3> kLevelChangeNames = {"pressure", "relief", "lost_step"};

/// The level of the brown-out: brown_out_level, brown_out_changes_total. Any thread may call.
class BrownOutMetrics {
 public:
  /// `registry` must outlive this.
  explicit BrownOutMetrics(prometheus::Registry* registry);

  /// `level` is asked at each scrape, on the thread that scrapes; what it uses must outlive this. Call it before the
  /// first scrape. Without it the level is 0.
  void Observe(std::function<size_t()> level);

  void CountChange(LevelChange change);

  /// Asks for the level. To be called before each scrape.
  void Refresh();

 private:
  prometheus::Gauge* level_;
  std::array<prometheus::Counter*, kLevelChangeNames.size()> changes_;
  std::function<size_t()> observed_;
};

}  // namespace roberta::metrics
