#pragma once

#include <string>

#include "loadtest/document/content.h"

namespace roberta::loadtest::document {

/// The commands that draw `chart` within a frame that is set and `width` points wide: bars with their values above them
/// where there is room, intervals, and "not measured" where a bar would stand.
std::string BarScript(const BarChart& chart, double width);

/// True if a legend has the categories' names, since they would run into each other below bars that each have a
/// color of their own.
bool LegendNamesBars(const BarChart& chart, double width);

}  // namespace roberta::loadtest::document
