#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "roberta/v1/classifier.pb.h"

namespace roberta::loadtest::stats {

inline constexpr double kNsPerMs = 1e6;

/// Counts of values from 0 to an hour of nanoseconds, exact to two or three significant digits wherever they lie: the
/// High Dynamic Range histogram of Gil Tene (hdrhistogram.org). A power of two of values is cut into 1024 equal bins
/// (128 for two digits); below 2048 (256) every value has its own. Grows with the largest value, to 270 KB (38 KB). One
/// thread at a time.
class Histogram {
 public:
  static constexpr int64_t kLargest = 3'600'000'000'000;

  Histogram() = default;  ///< of three digits
  explicit Histogram(int significant_digits) : half_bits_(significant_digits == 2 ? 7 : 10) {}
  int significant_digits() const { return half_bits_ == 7 ? 2 : 3; }

  /// Values below 0 count as 0, beyond kLargest as kLargest.
  void Add(int64_t value, int64_t count = 1);
  void Merge(const Histogram& other);  ///< of as many digits

  int64_t count() const { return count_; }
  int64_t min() const { return count_ == 0 ? 0 : min_; }  ///< exact; 0 if empty
  int64_t max() const { return max_; }                    ///< exact; 0 if empty
  double mean() const;                                    ///< exact; 0 if empty
  double standard_deviation() const;                      ///< from the bins' middles

  /// The smallest value v of which at least the share `quantile` (0 to 1) of all are not larger, rounded up within its
  /// bin but not beyond max(); 0 if empty.
  int64_t ValueAt(double quantile) const;

  struct Bin {
    int64_t lowest, highest;  ///< both counted here
    int64_t count;
  };
  /// The bins that are not empty, in ascending order.
  std::vector<Bin> Bins() const;

  /// What HdrHistogram prints as its percentile distribution and its plotters read; values in `unit` (1e6: ms).
  std::string PercentileText(double unit) const;

  /// The histogram of which `bins`' counts, by lowest value, and the exact figures are known. For reading records.
  static Histogram FromBins(int significant_digits, const std::vector<Bin>& bins, int64_t min, int64_t max,
                            double mean);

 private:
  size_t IndexOf(int64_t value) const;
  int64_t LowestAt(size_t index) const;
  int64_t HighestAt(size_t index) const { return LowestAt(index + 1) - 1; }

  int half_bits_ = 10;
  std::vector<int64_t> counts_;
  int64_t count_ = 0;
  int64_t min_ = INT64_MAX, max_ = 0;
  double sum_ = 0;
};

/// The outcome of a request: exactly one of these.
enum class Outcome {
  kAnswered,
  kRefused,      ///< RESOURCE_EXHAUSTED: the server had no room, or no time before the deadline
  kUnavailable,  ///< UNAVAILABLE: not reached, loading or stopping
  kExpired,      ///< DEADLINE_EXCEEDED
  kCancelled,
  kFailed,  ///< every other code
};
inline constexpr size_t kOutcomes = 6;
Outcome OutcomeOf(absl::StatusCode code);
std::string_view OutcomeName(Outcome outcome);  ///< "answered", "refused", ...

/// One request that ended. Times in ns since the run began.
struct Sample {
  int64_t intended_ns = 0;  ///< when the load pattern wanted it sent
  int64_t ready_ns = 0;  ///< when it could be sent: later than intended if a limit on requests in flight held it back
  int64_t sent_ns = 0;
  int64_t received_ns = 0;
  absl::StatusCode code = absl::StatusCode::kOk;
  const v1::ClassifyResponse* response = nullptr;  ///< of an answered one
};

/// Sums over the server's own account of its calls, in ns.
struct PhaseSums {
  int64_t calls = 0;
  int64_t tokenize_ns = 0, queue_ns = 0, form_ns = 0, infer_ns = 0, post_ns = 0, total_ns = 0;

  void Add(const v1::Phases& phases);
  void Merge(const PhaseSums& other);
};
/// The phases that make up a call, in their order, by the names that they have in metrics and records.
inline constexpr std::pair<const char*, int64_t PhaseSums::*> kPhases[] = {{"tokenize", &PhaseSums::tokenize_ns},
                                                                           {"queue", &PhaseSums::queue_ns},
                                                                           {"form", &PhaseSums::form_ns},
                                                                           {"infer", &PhaseSums::infer_ns},
                                                                           {"post", &PhaseSums::post_ns}};

/// The results of a group of requests. One thread at a time.
struct Tally {
  int64_t sent = 0;  ///< counted when sent, apart from the outcomes
  std::array<int64_t, kOutcomes> outcomes = {};
  std::map<absl::StatusCode, int64_t> codes;
  int64_t good = 0;                                 ///< answered within the objective, from the intended send
  int64_t items = 0, failed_items = 0, tokens = 0;  ///< of answered requests
  int64_t batch_items = 0;                          ///< summed over them; over the answered: the mean batch
  std::map<std::string, int64_t> profiles_used;     ///< answered requests by the profile that answered

  /// Latencies in ns. From the intended send: what a user felt. From the actual send: what connection and server did.
  Histogram answered_from_intended, answered_from_sent, refused_from_sent;
  Histogram lateness;  ///< of all requests: how long after it could be sent it was, this program's own fault
  PhaseSums phases;

  /// Books a request that ended. `objective_ns`: the latency up to which an answer is good.
  void Add(const Sample& sample, int64_t objective_ns);
  void Merge(const Tally& other);

  int64_t Count(Outcome outcome) const { return outcomes[static_cast<size_t>(outcome)]; }
  int64_t ended() const;
  /// Internal, with the numbers, unless every request that was sent has exactly one outcome, and one code.
  absl::Status CheckBooks() const;
};

}  // namespace roberta::loadtest::stats
