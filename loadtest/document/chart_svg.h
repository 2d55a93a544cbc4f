#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loadtest/document/chart_script.h"
#include "loadtest/document/content.h"

namespace roberta::document {

/// NotFound, with the Debian package to install, if there is no gnuplot.
absl::Status CheckGnuplot();

/// Draws `chart` with gnuplot and returns the SVG. NotFound if gnuplot is not installed; Internal with its own words if
/// it fails.
absl::StatusOr<std::string> DrawChart(const Chart& chart, const ChartSize& size);

}  // namespace roberta::document
