#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loadtest/document/content.h"

namespace roberta::loadtest::document {

// Words of a gnuplot script. Whatever bytes a text has, it ends up as text: none is taken for an end of a string, a
// command, markup or a new line. Typographic quotes and slashes stand in the places of those that could be.

/// As a single-quoted string.
std::string Quoted(const std::string& text);
/// As a tick's label, which is a format as well.
std::string TickLabel(const std::string& text);
/// As a double-quoted tick's label of lines of about `columns` bytes, broken where words end.
std::string InLines(const std::string& text, size_t columns);
/// Bytes of the longest part of `text` that InLines breaks only if it must.
size_t LongestPart(const std::string& text);
/// Lines of what InLines made.
size_t CountLines(const std::string& in_lines);
/// Letters that fit below one of `categories` of a chart that is `width` points wide.
size_t ColumnsOf(double width, size_t categories);
/// The commands that set names below the x axis of a chart of that width, each at its x, in lines where they are long,
/// with room for them and for the axis' own. Of no names: no ticks.
std::string CategoryNames(const std::vector<std::pair<double, std::string>>& names, double width,
                          const std::string& axis_label);
/// NaN, as gnuplot writes it, for infinities and NaN.
std::string Number(double value);
/// As a color's name.
std::string Hex(const Color& color);

/// The commands that draw `chart` within a frame that is set and `width` points wide: bars with their values above them
/// where there is room, intervals, and "not measured" where a bar would stand.
std::string BarScript(const BarChart& chart, double width);

/// True if a legend has the categories' names, since they would run into each other below bars that each have a
/// color of their own.
bool LegendNamesBars(const BarChart& chart, double width);

/// The commands that draw `chart` within a frame that is set and `width` points wide. At least one of its points has a
/// value.
std::string LineScript(const LineChart& chart, double width);

/// How many of its points can be seen: their coordinates are numbers, within a range that is set, and above 0 where the
/// axis is logarithmic.
int64_t CountDrawable(const LineChart& chart, const Series& series);

/// Values for the labels of a logarithmic axis from `least` to `most`, both above 0, and where it is to begin and end:
/// ones, twos and fives, or where these would be too many only powers of ten.
struct LogarithmicTicks {
  double first = 0, last = 0;
  std::vector<double> values;
};
LogarithmicTicks TicksBetween(double least, double most);

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
