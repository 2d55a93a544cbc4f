#include "loadtest/document/chart_script.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace roberta::loadtest::document {

namespace {

constexpr std::array<int, 8> kPointTypes = {7, 5, 9, 13, 11, 6, 4, 8};  // gnuplot's: filled ones first
constexpr int kHollow = 6;
constexpr size_t kMostMarks = 40;  // of a series; more would hide its line
constexpr double kMostDecadesOfFives = 3;

/// The smallest and the largest value above 0 of an axis.
struct Extent {
  double least = std::numeric_limits<double>::infinity(), most = 0;
  void Add(double value) {
    if (!std::isfinite(value) || value <= 0) return;
    least = std::min(least, value);
    most = std::max(most, value);
  }
};

Extent ExtentOf(const LineChart& chart, bool of_x) {
  Extent extent;
  for (const Series& series : chart.series) {
    for (const Point& point : series.points) {
      extent.Add(of_x ? point.x : point.y);
      if (of_x || !point.interval) continue;
      extent.Add(point.interval->first);
      extent.Add(point.interval->second);
    }
  }
  for (const Level& level : chart.levels) {
    if (!of_x) extent.Add(level.y);
  }
  return extent;
}

/// Whether a point with this coordinate can be seen: it is a number, within a range that is set, and above 0 where the
/// axis is logarithmic.
bool IsDrawable(double value, const Axis& axis) {
  if (!std::isfinite(value) || (axis.logarithmic && value <= 0)) return false;
  return !axis.range || (value >= axis.range->first && value <= axis.range->second);
}

std::string Ticks(const char* name, const std::vector<std::pair<double, std::string>>& ticks) {
  const auto one = [](std::string* out, const std::pair<double, std::string>& tick) {
    absl::StrAppend(out, TickLabel(tick.second), " ", Number(tick.first));
  };
  return absl::StrCat("set ", name, "tics (", absl::StrJoin(ticks, ", ", one), ")\n");
}

std::string Range(const char* name, double from, double to) {
  return absl::StrCat("set ", name, "range [", Number(from), ":", Number(to), "]\n");
}

std::string LogarithmicCommands(const char* name, const Axis& axis, const Extent& extent) {
  std::string commands = absl::StrCat("set logscale ", name, " 10\n");
  if (!axis.ticks.empty() || extent.most <= 0) return commands;
  const LogarithmicTicks ticks = TicksBetween(extent.least, extent.most);
  constexpr double kHair = 1e-6;  // gnuplot leaves out a label that is at the very end
  absl::StrAppend(&commands, Range(name, ticks.first * (1 - kHair), ticks.last * (1 + kHair)));
  std::vector<std::pair<double, std::string>> labels;
  for (const double value : ticks.values) labels.emplace_back(value, Number(value));
  absl::StrAppend(&commands, Ticks(name, labels));
  return commands;
}

std::string AxisCommands(const char* name, const Axis& axis, const Extent& extent) {
  std::string commands = absl::StrCat("set ", name, "label ", Quoted(axis.label), " textcolor rgb '#333333'\n");
  // Whole numbers up to six digits in full, others short.
  absl::StrAppend(&commands, "set format ", name, " '%.6g'\n");
  if (axis.logarithmic) {
    absl::StrAppend(&commands, LogarithmicCommands(name, axis, extent));
  } else if (axis.from_zero) {
    absl::StrAppend(&commands, "set ", name, "range [0:*]\n");
  }
  if (axis.range) absl::StrAppend(&commands, Range(name, axis.range->first, axis.range->second));
  if (!axis.ticks.empty() && !axis.categories) absl::StrAppend(&commands, Ticks(name, axis.ticks));
  return commands;
}

std::string LineData(const Series& series, size_t index) {
  std::string data = absl::StrCat("$data", index, " << EOD\n");
  for (const Point& point : series.points) {
    const auto [low, high] = point.interval.value_or(std::pair(point.y, point.y));
    absl::StrAppend(&data, Number(point.x), " ", Number(point.y), " ", Number(low), " ", Number(high), "\n");
  }
  return data + "EOD\n";
}

bool HasIntervals(const Series& series) {
  return std::ranges::any_of(series.points, [](const Point& p) { return p.interval.has_value(); });
}

std::string LinePlots(const LineChart& chart) {
  std::vector<std::string> plots;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const Series& series = chart.series[i];
    if (series.points.empty()) continue;
    const std::string color = Hex(series.style.color);
    // A line needs two points: without a mark a single one would be invisible.
    const bool lone = CountDrawable(chart, series) < 2;
    const bool marked = !series.joined || lone || (series.marked && series.points.size() <= kMostMarks);
    if (HasIntervals(series)) {
      plots.push_back(absl::StrCat("$data", i, " using 1:3:(0):($4-$3) with vectors nohead linecolor rgb ", color,
                                   " linewidth 1.2"));
    }
    plots.push_back(absl::StrCat("$data", i, " using 1:2 with ",
                                 !series.joined ? "points"
                                 : marked       ? "linespoints"
                                                : "lines",
                                 " linecolor rgb ", color, " dashtype ", series.style.dash + 1, " linewidth ",
                                 series.joined ? 2 : 1));
    if (!marked) continue;
    const size_t point = static_cast<size_t>(series.style.point) % kPointTypes.size();
    absl::StrAppend(&plots.back(), " pointtype ", series.joined ? kPointTypes[point] : kHollow, " pointsize ",
                    lone || !series.joined ? 0.7 : 0.5);
  }
  return absl::StrCat("plot ", absl::StrJoin(plots, ", \\\n  "), "\n");
}

}  // namespace

int64_t CountDrawable(const LineChart& chart, const Series& series) {
  return std::ranges::count_if(
      series.points, [&](const Point& point) { return IsDrawable(point.x, chart.x) && IsDrawable(point.y, chart.y); });
}

LogarithmicTicks TicksBetween(double least, double most) {
  const bool fives = std::log10(most / least) <= kMostDecadesOfFives;
  std::vector<double> steps = {1};
  if (fives) steps = {1, 2, 5};
  LogarithmicTicks ticks;
  constexpr double kSlack = 1e-9;  // a value on a tick needs no further one
  for (double decade = std::floor(std::log10(least)) - 1; ticks.last < most * (1 - kSlack); ++decade) {
    for (const double step : steps) {
      const double value = step * std::pow(10, decade);
      if (value <= least * (1 + kSlack)) ticks.first = value, ticks.values.clear();
      ticks.values.push_back(value);
      ticks.last = value;
      if (ticks.last >= most * (1 - kSlack) && ticks.values.size() > 1) break;
    }
  }
  return ticks;
}

std::string LineScript(const LineChart& chart, double width) {
  std::string script = absl::StrCat(AxisCommands("x", chart.x, ExtentOf(chart, true)),
                                    AxisCommands("y", chart.y, ExtentOf(chart, false)));
  if (chart.x.categories) absl::StrAppend(&script, CategoryNames(chart.x.ticks, width, chart.x.label));
  for (const Level& level : chart.levels) {
    absl::StrAppend(&script, "set arrow from graph 0, first ", Number(level.y), " to graph 1, first ", Number(level.y),
                    " nohead linecolor rgb ", Hex(kLevelColor), " dashtype 2 linewidth 1.6\n");
  }
  for (size_t i = 0; i < chart.series.size(); ++i) absl::StrAppend(&script, LineData(chart.series[i], i));
  return script + LinePlots(chart);
}

}  // namespace roberta::loadtest::document
