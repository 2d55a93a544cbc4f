#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/call/call.h"
#include "server/metrics/families.h"

// The profiles and the load on them, class by class. `registry` must outlive each, and any thread may call. Profiles
// that are not in the list that a class was given are not counted.
namespace roberta::metrics {

/// The state of a profile at one moment.
struct ProfileState {
  bool ready = false;
  std::optional<double> agreement_ratio;  ///< with the baseline, 0 to 1; NaN or absent if it was not measured
  double load_seconds = 0;                ///< of the last load
};

/// The states of the profiles: profile_ready, profile_agreement_ratio, profile_load_duration_seconds.
class ProfileMetrics {
 public:
  ProfileMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  void Set(std::string_view profile, const ProfileState& state);

 private:
  struct Handles {
    prometheus::Gauge* ready;
    prometheus::Gauge* agreement;
    prometheus::Gauge* load_seconds;
  };

  PerProfile<Handles> handles_;
};

/// Why an item that was chosen to run again on a second profile was not compared.
enum class ShadowDrop {
  kLimit,     ///< too many waited already
  kDraining,  ///< the server stops
  kNotReady,  ///< the second profile was not READY
  kFailed,    ///< the second profile failed on it
};

inline constexpr std::array<const char*, 4> kShadowDropNames = {"limit", "draining", "not_ready", "failed"};

/// Items that ran again on a second profile: shadow_compared_total, shadow_agreement_ratio, shadow_dropped_total.
class ShadowMetrics {
 public:
  ShadowMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  /// `profile`, the second one, gave `agreed` items the same label as the answer, and `differed` items another label.
  void CountCompared(std::string_view profile, size_t agreed, size_t differed);
  void CountDropped(ShadowDrop reason, size_t items);

  /// Brings the ratio up to date. Call before each scrape.
  void Refresh();

 private:
  struct Handles {
    prometheus::Counter* agreed;
    prometheus::Counter* differed;
    prometheus::Gauge* agreement;
  };

  PerProfile<Handles> handles_;
  std::array<prometheus::Counter*, kShadowDropNames.size()> dropped_;
};

/// What waits for executors at one moment.
struct QueueState {
  /// [profiles]: in the order that QueueMetrics was given, then comparisons, counted as kNoProfile.
  std::vector<std::array<size_t, call::kPriorities>> items = {};
  std::vector<size_t> tokens = {};  ///< [profiles], without shadow traffic
  double oldest_age_seconds = 0;    ///< 0 if nothing but shadow traffic waits
};

/// What waits in the queue: queue_items, queue_tokens, queue_oldest_age_seconds, queue_capacity_items.
class QueueMetrics {
 public:
  QueueMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  void SetCapacity(size_t items);
  void Set(const QueueState& state);

 private:
  struct Handles {
    std::array<prometheus::Gauge*, call::kPriorities> items;
    prometheus::Gauge* tokens;
  };

  PerProfile<Handles> handles_;
  prometheus::Gauge* oldest_age_;
  prometheus::Gauge* capacity_;
};

/// The batches that executors ran: batches_total, batch_items, batch_tokens, batch_padding_ratio.
class BatchMetrics {
 public:
  BatchMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  struct Batch {
    size_t items = 0;
    size_t tokens = 0;         ///< of the items
    size_t padded_tokens = 0;  ///< computed in addition, only to make the items equally long
  };
  void Count(std::string_view profile, const Batch& batch);

  /// Batches of a profile so far.
  uint64_t Counted(std::string_view profile) const;

 private:
  struct Handles {
    prometheus::Counter* batches;
    prometheus::Histogram* items;
    prometheus::Histogram* tokens;
    prometheus::Histogram* padding;
  };

  PerProfile<Handles> handles_;
};

/// Why a call was given its profile. The first two belong to calls that name their profile.
enum class SelectionReason { kRequest, kMetadata, kDefault, kBrownOut, kAutoMostAccurate, kAutoFastest };

inline constexpr size_t kSelectionReasons = 6;
inline constexpr std::array<const char*, kSelectionReasons> kSelectionReasonNames = {
    "request", "metadata", "default", "brown_out", "auto_most_accurate", "auto_fastest"};

/// How calls are admitted: wait_prediction_error_seconds, wait_prediction_bias_seconds, load_ratio,
/// parked_refusals, profile_selected_total.
class AdmissionMetrics {
 public:
  AdmissionMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  /// A call was admitted, and the profile `used` will answer it.
  void Selected(std::string_view used, SelectionReason reason);

  /// A call ended `error_seconds` later than predicted (earlier, if negative); `bias_seconds` is the mean over recent
  /// calls.
  void Predicted(std::string_view profile, double error_seconds, double bias_seconds);

  void SetLoadRatio(double ratio);
  void SetParkedRefusals(size_t waiting);

 private:
  struct Handles {
    std::array<prometheus::Counter*, kSelectionReasons> selected;
    prometheus::Histogram* error;
    prometheus::Gauge* bias;
  };

  PerProfile<Handles> handles_;
  prometheus::Gauge* load_ratio_;
  prometheus::Gauge* parked_refusals_;
};

/// Why the level of the brown-out changed, in the order of admission::BrownOut::Cause.
enum class LevelChange { kPressure, kRelief, kLostStep };

inline constexpr std::array<const char*, 3> kLevelChangeNames = {"pressure", "relief", "lost_step"};

/// The level of the brown-out: brown_out_level, brown_out_changes_total.
class BrownOutMetrics {
 public:
  explicit BrownOutMetrics(prometheus::Registry* registry);

  void SetLevel(size_t level);
  void CountChange(LevelChange change);

 private:
  prometheus::Gauge* level_;
  std::array<prometheus::Counter*, kLevelChangeNames.size()> changes_;
};

}  // namespace roberta::metrics
