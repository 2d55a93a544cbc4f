#include "loadtest/workload/arrivals.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace roberta::loadtest::workload {

namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kNsPerMs = 1e6;
constexpr double kLongestMs = 3'600'000;

class Constant final : public Arrivals {
 public:
  explicit Constant(double rate) : rate_(rate) {}
  // From the count, so that rounding does not add up.
  std::optional<int64_t> NextNs() override {
    return static_cast<int64_t>(std::llround(static_cast<double>(next_++) * kNsPerSecond / rate_));
  }

 private:
  const double rate_;
  uint64_t next_ = 0;
};

class Poisson final : public Arrivals {
 public:
  Poisson(double rate, uint64_t seed) : random_(seed), distance_(rate) {}
  std::optional<int64_t> NextNs() override {
    seconds_ += distance_(random_);
    return static_cast<int64_t>(std::llround(seconds_ * kNsPerSecond));
  }

 private:
  std::mt19937_64 random_;
  std::exponential_distribution<double> distance_;
  double seconds_ = 0;
};

class Recorded final : public Arrivals {
 public:
  explicit Recorded(std::vector<int64_t> intervals_ns) : intervals_ns_(std::move(intervals_ns)) {}
  std::optional<int64_t> NextNs() override {
    if (next_ == intervals_ns_.size()) return std::nullopt;
    return now_ns_ += intervals_ns_[next_++];
  }

 private:
  const std::vector<int64_t> intervals_ns_;
  size_t next_ = 0;
  int64_t now_ns_ = 0;
};

}  // namespace

std::unique_ptr<Arrivals> ConstantArrivals(double rate) {
  return std::make_unique<Constant>(rate);
}

std::unique_ptr<Arrivals> PoissonArrivals(double rate, uint64_t seed) {
  return std::make_unique<Poisson>(rate, seed);
}

std::unique_ptr<Arrivals> RecordedArrivals(std::vector<int64_t> intervals_ns) {
  return std::make_unique<Recorded>(std::move(intervals_ns));
}

absl::StatusOr<std::vector<int64_t>> ReadIntervals(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) return absl::NotFoundError(absl::StrCat(file, ": cannot open: ", std::strerror(errno)));
  std::vector<int64_t> intervals_ns;
  for (std::string line; std::getline(stream, line);) {
    double ms = -1;
    if (!absl::SimpleAtod(absl::StripSuffix(line, "\r"), &ms) || !(ms >= 0 && ms <= kLongestMs)) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ":", intervals_ns.size() + 1, ": not a number of milliseconds from 0 to ", kLongestMs));
    }
    intervals_ns.push_back(static_cast<int64_t>(std::llround(ms * kNsPerMs)));
  }
  if (stream.bad()) return absl::NotFoundError(absl::StrCat(file, ": cannot read"));
  if (intervals_ns.empty()) return absl::InvalidArgumentError(absl::StrCat(file, ": no intervals"));
  return intervals_ns;
}

}  // namespace roberta::loadtest::workload
