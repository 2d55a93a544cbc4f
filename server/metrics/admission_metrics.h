#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/metrics/families.h"
#include "server/metrics/per_profile.h"

namespace roberta::metrics {

/// Why a call was given its profile. The first two are those of a call that named it.
enum class SelectionReason { kRequest, kMetadata, kDefault, kBrownOut, kAutoMostAccurate, kAutoFastest };

inline constexpr size_t kSelectionReasons = 6;
inline constexpr std::array<const char*, kSelectionReasons> kSelectionReasonNames = {
    "request", "metadata", "default", "brown_out", "auto_most_accurate", "auto_fastest"};

/// How calls are let in: wait_prediction_error_seconds, wait_prediction_bias_seconds, load_ratio,
/// profile_selected_total. Any thread may call.
class AdmissionMetrics {
 public:
  /// `registry` must outlive this.
  AdmissionMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  /// A call was admitted, to be answered by the profile `used`.
  void Selected(std::string_view used, SelectionReason reason);

  /// A call had run `error_seconds` later than was predicted (earlier, if negative); `bias_seconds` is the mean of
  /// late.
  void Predicted(std::string_view profile, double error_seconds, double bias_seconds);

  /// `load_ratio` is asked at each scrape, on the thread that scrapes; what it uses must outlive this. Call it before
  /// the first scrape.
  void Observe(std::function<double()> load_ratio) { ask_load_ratio_ = std::move(load_ratio); }
  /// Asks for the ratio. To be called before each scrape.
  void Refresh();

 private:
  struct Handles {
    std::array<prometheus::Counter*, kSelectionReasons> selected = {};  // nullptr for no profile
    prometheus::Histogram* error = nullptr;
    prometheus::Gauge* bias = nullptr;
  };
  static PerProfile<Handles> MakeHandles(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  const PerProfile<Handles> handles_;
  prometheus::Gauge* load_ratio_;
  std::function<double()> ask_load_ratio_;
};

}  // namespace roberta::metrics
