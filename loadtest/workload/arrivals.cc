#include "loadtest/workload/arrivals.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace roberta::loadtest::workload {

namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kNsPerMs = 1e6;
constexpr double kLongestMs = 3'600'000;

}  // namespace

Arrivals ConstantArrivals(double rate) {
  // From the count, so that rounding does not add up.
  return
      [rate, next = uint64_t{0}]() mutable { return std::llround(static_cast<double>(next++) * kNsPerSecond / rate); };
}

Arrivals PoissonArrivals(double rate, uint64_t seed) {
  return [random = std::mt19937_64(seed), distance = std::exponential_distribution<double>(rate),
          seconds = 0.0]() mutable { return std::llround((seconds += distance(random)) * kNsPerSecond); };
}

Arrivals RecordedArrivals(std::vector<int64_t> intervals_ns) {
  return [intervals_ns = std::move(intervals_ns), next = size_t{0},
          now_ns = int64_t{0}]() mutable -> std::optional<int64_t> {
    if (next == intervals_ns.size()) return std::nullopt;
    return now_ns += intervals_ns[next++];
  };
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
