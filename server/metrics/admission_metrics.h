#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/metrics/families.h"

namespace roberta::metrics {

/// Why a call was given its profile. The first two belong to calls that name their profile.
enum class SelectionReason { kRequest, kMetadata, kDefault, kBrownOut, kAutoMostAccurate, kAutoFastest };

inline constexpr size_t kSelectionReasons = 6;
inline constexpr std::array<const char*, kSelectionReasons> kSelectionReasonNames = {
    "request", "metadata", "default", "brown_out", "auto_most_accurate", "auto_fastest"};

/// How calls are admitted: wait_prediction_error_seconds, wait_prediction_bias_seconds, load_ratio,
/// profile_selected_total. Any thread may call. Profiles that are not in the list are not counted.
class AdmissionMetrics {
 public:
  /// `registry` must outlive this.
  AdmissionMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  /// A call was admitted, and the profile `used` will answer it.
  void Selected(std::string_view used, SelectionReason reason);

  /// A call ended `error_seconds` later than predicted (earlier, if negative); `bias_seconds` is the mean over recent
  /// calls.
  void Predicted(std::string_view profile, double error_seconds, double bias_seconds);

  /// Each scrape calls `load_ratio` on its own thread; what it uses must outlive this. Call before the first scrape.
  void Observe(std::function<double()> load_ratio) { observed_ = std::move(load_ratio); }
  /// Reads the ratio. Call before each scrape.
  void Refresh();

 private:
  struct Handles {
    std::array<prometheus::Counter*, kSelectionReasons> selected;
    prometheus::Histogram* error;
    prometheus::Gauge* bias;
  };

  PerProfile<Handles> handles_;
  prometheus::Gauge* load_ratio_;
  std::function<double()> observed_;
};

/// Why the level of the brown-out changed, in the order of admission::BrownOut::Cause.
enum class LevelChange { kPressure, kRelief, kLostStep };

inline constexpr std::array<const char*, 3> kLevelChangeNames = {"pressure", "relief", "lost_step"};

/// The level of the brown-out: brown_out_level, brown_out_changes_total. Any thread may call.
class BrownOutMetrics {
 public:
  /// `registry` must outlive this.
  explicit BrownOutMetrics(prometheus::Registry* registry);

  /// Each scrape calls `level` on its own thread; what it uses must outlive this. Call before the first scrape. Without
  /// it the level is 0.
  void Observe(std::function<size_t()> level) { observed_ = std::move(level); }

  void CountChange(LevelChange change);

  /// Reads the level. Call before each scrape.
  void Refresh();

 private:
  prometheus::Gauge* level_;
  std::array<prometheus::Counter*, kLevelChangeNames.size()> changes_;
  std::function<size_t()> observed_;
};

}  // namespace roberta::metrics
