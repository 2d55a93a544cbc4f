#pragma once

#include <string>

#include "loadtest/document/content.h"

namespace roberta::document {

/// The commands that draw `chart` within a frame that is set and `width` points wide: bars with their values above them
/// where there is room, intervals, and "not measured" where a bar would stand.
std::string BarScript(const BarChart& chart, double width);

/// True if the categories' names are told by a legend, since they would run into each other below bars that each have a
/// colour of their own.
bool LegendNamesBars(const BarChart& chart, double width);

}  // namespace roberta::document
