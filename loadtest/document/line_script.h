#pragma once

#include <string>
#include <vector>

#include "loadtest/document/content.h"

namespace roberta::loadtest::document {

/// The commands that draw `chart` within a frame that is set and `width` points wide. At least one of its points has a
/// value.
std::string LineScript(const LineChart& chart, double width);

/// Whether a point with this coordinate can be seen: it is a number, within a range that is set, and above 0 where the
/// axis is logarithmic.
bool IsDrawable(double value, const Axis& axis);

/// Values for the labels of a logarithmic axis from `least` to `most`, both above 0, and where it is to begin and end:
/// ones, twos and fives, or where these would be too many only powers of ten.
struct LogarithmicTicks {
  double first = 0, last = 0;
  std::vector<double> values;
};
LogarithmicTicks TicksBetween(double least, double most);

}  // namespace roberta::loadtest::document
