#include "loadtest/stats/tally.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace roberta::loadtest::stats {

// The first bucket has 2 * 2^half_bits_ values: 2 * 1024 are the least that gives three digits, 2 * 128 two.
size_t Histogram::IndexOf(int64_t value) const {
  const int shift = std::max(0, static_cast<int>(std::bit_width(static_cast<uint64_t>(value))) - 1 - half_bits_);
  return static_cast<size_t>((int64_t{shift} << half_bits_) + (value >> shift));
}

int64_t Histogram::LowestAt(size_t index) const {
  const auto position = static_cast<int64_t>(index);
  const int64_t shift = std::max<int64_t>(0, (position >> half_bits_) - 1);
  return (position - (shift << half_bits_)) << shift;
}

void Histogram::Add(int64_t value, int64_t count) {
  if (count <= 0) return;
  value = std::clamp<int64_t>(value, 0, kLargest);
  const size_t index = IndexOf(value);
  if (index >= counts_.size()) counts_.resize(index + 1);
  counts_[index] += count;
  count_ += count;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value) * static_cast<double>(count);
}

void Histogram::Merge(const Histogram& other) {
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

double Histogram::standard_deviation() const {
  if (count_ == 0) return 0;
  double squares = 0;
  for (const Bin& bin : Bins()) {
    const double middle = static_cast<double>(bin.lowest) + static_cast<double>(bin.highest - bin.lowest) / 2;
    squares += (middle - mean()) * (middle - mean()) * static_cast<double>(bin.count);
  }
  return std::sqrt(squares / static_cast<double>(count_));
}

int64_t Histogram::ValueAt(double quantile) const {
  // One step towards zero, so that 0.99 * 100, which rounds up in binary, asks for 99 values and not for 100.
  const double asked = std::nextafter(std::clamp(quantile, 0.0, 1.0), 0.0) * static_cast<double>(count_);
  const int64_t wanted = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(asked)));
  int64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted) return std::min(HighestAt(i), max_);
  }
  return max_;
}

std::vector<Histogram::Bin> Histogram::Bins() const {
  std::vector<Bin> bins;
  for (size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] > 0) bins.push_back({LowestAt(i), HighestAt(i), counts_[i]});
  }
  return bins;
}

std::string Histogram::PercentileText(double unit) const {
  constexpr double kTicksPerHalfDistance = 5;
  std::string text =
      absl::StrFormat("%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  double level = 0;  // percent that the next line is for
  int64_t seen = 0;
  for (const Bin& bin : Bins()) {
    seen += bin.count;
    const double reached = 100.0 * static_cast<double>(seen) / static_cast<double>(count_);
    // HdrHistogram says nothing of levels between the last value's and the end but the end itself.
    for (bool first = true; reached >= level && (seen < count_ || first); first = false) {
      absl::StrAppendFormat(&text, "%12.3f %2.12f %10d %14.2f\n", static_cast<double>(bin.highest) / unit, level / 100,
                            seen, 1 / (1 - level / 100));
      const double halvings = std::floor(std::log2(100 / (100 - level))) + 1;
      level += 100 / (kTicksPerHalfDistance * std::pow(2, halvings));
    }
  }
  if (count_ > 0) {
    absl::StrAppendFormat(&text, "%12.3f %2.12f %10d\n", static_cast<double>(Bins().back().highest) / unit, 1.0,
                          count_);
  }
  const size_t buckets = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(kLargest)) - half_bits_);
  absl::StrAppendFormat(&text, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean() / unit,
                        standard_deviation() / unit);
  absl::StrAppendFormat(&text, "#[Max     = %12.3f, Total count    = %12d]\n", static_cast<double>(max_) / unit,
                        count_);
  absl::StrAppendFormat(&text, "#[Buckets = %12d, SubBuckets     = %12d]\n", buckets, 2 << half_bits_);
  return text;
}

Histogram Histogram::FromBins(int significant_digits, const std::vector<Bin>& bins, int64_t min, int64_t max,
                              double mean) {
  Histogram histogram(significant_digits);
  for (const Bin& bin : bins) histogram.Add(bin.lowest, bin.count);
  if (histogram.count_ == 0) return histogram;
  histogram.min_ = min;
  histogram.max_ = max;
  histogram.sum_ = mean * static_cast<double>(histogram.count_);
  return histogram;
}

Outcome OutcomeOf(absl::StatusCode code) {
  // In the order of Outcome; every other code is kFailed, which comes after them.
  constexpr absl::StatusCode kCodes[] = {absl::StatusCode::kOk, absl::StatusCode::kResourceExhausted,
                                         absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded,
                                         absl::StatusCode::kCancelled};
  return static_cast<Outcome>(std::find(std::begin(kCodes), std::end(kCodes), code) - std::begin(kCodes));
}

std::string_view OutcomeName(Outcome outcome) {
  constexpr std::string_view kNames[] = {"answered", "refused", "unavailable", "expired", "cancelled", "failed"};
  return kNames[static_cast<size_t>(outcome)];
}

void PhaseSums::Add(const v1::Phases& phases) {
  Merge({1, phases.tokenize_ns(), phases.queue_ns(), phases.form_ns(), phases.infer_ns(), phases.post_ns(),
         phases.total_ns()});
}

void PhaseSums::Merge(const PhaseSums& other) {
  calls += other.calls;
  for (const auto& [name, ns] : kPhases) this->*ns += other.*ns;
  total_ns += other.total_ns;
}

void Tally::Add(const Sample& sample, int64_t objective_ns) {
  const Outcome outcome = OutcomeOf(sample.code);
  ++outcomes[static_cast<size_t>(outcome)];
  ++codes[sample.code];
  lateness.Add(sample.sent_ns - sample.ready_ns);
  if (outcome == Outcome::kRefused) refused_from_sent.Add(sample.received_ns - sample.sent_ns);
  if (outcome != Outcome::kAnswered) return;
  const int64_t felt_ns = sample.received_ns - sample.intended_ns;
  answered_from_intended.Add(felt_ns);
  answered_from_sent.Add(sample.received_ns - sample.sent_ns);
  good += felt_ns <= objective_ns;
  if (sample.response == nullptr) return;
  for (const v1::ItemResult& result : sample.response->results()) {
    ++items;
    failed_items += !result.has_classification();
    tokens += result.classification().token_count();
  }
  batch_items += sample.response->batch_items();
  ++profiles_used[sample.response->profile_used()];
  phases.Add(sample.response->phases());
}

void Tally::Merge(const Tally& other) {
  sent += other.sent;
  for (size_t i = 0; i < kOutcomes; ++i) outcomes[i] += other.outcomes[i];
  for (const auto& [code, count] : other.codes) codes[code] += count;
  good += other.good;
  items += other.items;
  failed_items += other.failed_items;
  tokens += other.tokens;
  batch_items += other.batch_items;
  for (const auto& [profile, count] : other.profiles_used) profiles_used[profile] += count;
  answered_from_intended.Merge(other.answered_from_intended);
  answered_from_sent.Merge(other.answered_from_sent);
  refused_from_sent.Merge(other.refused_from_sent);
  lateness.Merge(other.lateness);
  phases.Merge(other.phases);
}

int64_t Tally::ended() const {
  return std::accumulate(outcomes.begin(), outcomes.end(), int64_t{0});
}

absl::Status Tally::CheckBooks() const {
  int64_t coded = 0;
  for (const auto& [code, count] : codes) coded += count;
  if (sent == ended() && sent == coded) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the books do not balance: ", sent, " requests sent, ", ended(),
                                          " outcomes, ", coded, " status codes"));
}

}  // namespace roberta::loadtest::stats
