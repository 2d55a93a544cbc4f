#pragma once

#include <string>

#include "loadtest/document/content.h"

namespace roberta::document {

/// Points (1/72 inch).
struct ChartSize {
  double width = 0;
  double height = 0;
};

/// The gnuplot program that draws `chart`, without title and reading, as SVG into the file `output`. Whatever bytes the
/// labels have, they end up as text: none is taken for a command, for markup or for a place.
std::string ChartScript(const Chart& chart, const ChartSize& size, const std::string& output);

/// Why `chart` cannot be drawn: nothing in it was measured; empty if it can.
std::string WhyEmpty(const Chart& chart);

}  // namespace roberta::document
