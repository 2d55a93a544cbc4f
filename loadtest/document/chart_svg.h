#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loadtest/document/content.h"

namespace roberta::loadtest::document {

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

/// NotFound, with the Debian package to install, if there is no gnuplot.
absl::Status CheckGnuplot();

/// Draws `chart` with gnuplot and returns the SVG. NotFound if gnuplot is not installed; Internal with its own words if
/// it fails.
absl::StatusOr<std::string> DrawChart(const Chart& chart, const ChartSize& size);

}  // namespace roberta::loadtest::document
