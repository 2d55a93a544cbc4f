#pragma once

#include <optional>
#include <vector>

namespace roberta::loadtest::stats {

/// The middle one of repeated measurements and how far they lie apart.
struct Spread {
  double low = 0, median = 0, high = 0;
};

/// The middle value, of an even number the mean of the two in the middle; nothing of nothing.
std::optional<double> MedianOf(std::vector<double> values);

/// Smallest, middle and largest value; nothing of nothing.
std::optional<Spread> SpreadOf(const std::vector<double>& values);

}  // namespace roberta::loadtest::stats
