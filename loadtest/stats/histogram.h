#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace roberta::loadtest::stats {

/// Counts of values from 0 to an hour of nanoseconds, exact to three significant digits wherever they lie: the High
/// Dynamic Range histogram of Gil Tene (hdrhistogram.org). A power of two of values is cut into 1024 equal bins; below
/// 2048 every value has its own. Grows with the largest value, to 270 KB. One thread at a time.
class Histogram {
 public:
  static constexpr int kSignificantDigits = 3;
  static constexpr int64_t kLargest = 3'600'000'000'000;

  /// Values below 0 count as 0, beyond kLargest as kLargest.
  void Add(int64_t value, int64_t count = 1);
  void Merge(const Histogram& other);

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
  static Histogram FromBins(const std::vector<Bin>& bins, int64_t min, int64_t max, double mean);

 private:
  std::vector<int64_t> counts_;
  int64_t count_ = 0;
  int64_t min_ = INT64_MAX, max_ = 0;
  double sum_ = 0;
};

}  // namespace roberta::loadtest::stats
