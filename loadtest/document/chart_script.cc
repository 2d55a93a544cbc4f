#include "loadtest/document/chart_script.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "loadtest/document/bar_script.h"
#include "loadtest/document/gnuplot_text.h"
#include "loadtest/document/line_script.h"

namespace roberta::document {

namespace {

std::string Frame(const ChartSize& size, const std::string& output) {
  return absl::StrCat("set encoding utf8\nset terminal svg noenhanced size ", Number(size.width), ",",
                      Number(size.height), " font 'Inter,8.5' linewidth 0.8 background '#ffffff'\nset output ",
                      Quoted(output),
                      "\n"
                      "set border 3 linecolor rgb '#666666' linewidth 0.8\n"
                      "set tics out nomirror textcolor rgb '#333333' scale 0.6\n"
                      "set grid ytics linecolor rgb '#dddddd' linewidth 0.6 linetype 1\n"
                      // The legend is set with the text around the chart, where no name is too long.
                      "unset key\n"
                      "set datafile missing 'NaN'\nset tmargin 0.6\nset rmargin 2.5\n");
}

bool HasValue(const LineChart& chart) {
  for (const Series& series : chart.series) {
    for (const Point& point : series.points) {
      if (IsDrawable(point.x, chart.x) && IsDrawable(point.y, chart.y)) return true;
    }
  }
  return false;
}

bool HasValue(const BarChart& chart) {
  for (const BarChart::Bars& bars : chart.bars) {
    for (const std::optional<double>& value : bars.values) {
      if (value && std::isfinite(*value)) return true;
    }
  }
  return false;
}

}  // namespace

std::string ChartScript(const Chart& chart, const ChartSize& size, const std::string& output) {
  const std::string frame = Frame(size, output);
  if (const auto* lines = std::get_if<LineChart>(&chart.plot)) return frame + LineScript(*lines, size.width);
  return frame + BarScript(std::get<BarChart>(chart.plot), size.width);
}

std::string WhyEmpty(const Chart& chart) {
  const auto* lines = std::get_if<LineChart>(&chart.plot);
  if (lines != nullptr ? HasValue(*lines) : HasValue(std::get<BarChart>(chart.plot))) return "";
  if (!chart.missing.empty()) return absl::StrCat("not measured: ", chart.missing);
  return lines != nullptr ? "not measured: no point of it has a value" : "not measured: no bar of it has a value";
}

}  // namespace roberta::document
