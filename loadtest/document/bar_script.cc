#include "loadtest/document/bar_script.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "loadtest/document/gnuplot_text.h"

namespace roberta::loadtest::document {

namespace {

constexpr double kPointsOfAxis = 55;   // beside the bars: the axis and its labels
constexpr double kPointsOfValue = 26;  // above a bar
constexpr double kRoomAbove = 1.14;    // of the highest bar, for its value

/// Where bars stand: category 0 around x = 0, the next around 1.
class Places {
 public:
  Places(const BarChart& chart, double width) : side_by_side_(chart.stacked ? 1 : chart.bars.size()) {
    const double group = side_by_side_ == 1 ? 0.56 : 0.82;
    pitch_ = group / static_cast<double>(std::max<size_t>(1, side_by_side_));
    points_of_category_ = (width - kPointsOfAxis) / static_cast<double>(std::max<size_t>(1, chart.categories.size()));
  }
  double Center(size_t category, size_t bar) const {
    const double middle = (static_cast<double>(side_by_side_) - 1) / 2;
    return static_cast<double>(category) + (side_by_side_ == 1 ? 0 : (static_cast<double>(bar) - middle) * pitch_);
  }
  double HalfWidth() const { return pitch_ * (side_by_side_ == 1 ? 0.5 : 0.46); }
  bool RoomForValues() const { return (side_by_side_ == 1 ? 1 : pitch_) * points_of_category_ >= kPointsOfValue; }

 private:
  const size_t side_by_side_;
  double pitch_ = 0, points_of_category_ = 0;
};

std::optional<double> ValueOf(const BarChart& chart, size_t bar, size_t category) {
  const auto& values = chart.bars[bar].values;
  if (category >= values.size() || !values[category] || !std::isfinite(*values[category])) return std::nullopt;
  return values[category];
}

std::optional<std::pair<double, double>> IntervalOf(const BarChart& chart, size_t bar, size_t category) {
  const auto& intervals = chart.bars[bar].intervals;
  return category < intervals.size() && !chart.stacked ? intervals[category] : std::nullopt;
}

/// Heights of a category's bars one upon another; of bars side by side, from the ground.
double Bottom(const BarChart& chart, size_t bar, size_t category) {
  double bottom = 0;
  for (size_t below = 0; chart.stacked && below < bar; ++below) bottom += ValueOf(chart, below, category).value_or(0);
  return bottom;
}

bool AnyMeasured(const BarChart& chart, size_t category) {
  for (size_t bar = 0; bar < chart.bars.size(); ++bar) {
    if (ValueOf(chart, bar, category)) return true;
  }
  return false;
}

double Highest(const BarChart& chart) {
  double highest = 0;
  for (size_t category = 0; category < chart.categories.size(); ++category) {
    for (size_t bar = 0; bar < chart.bars.size(); ++bar) {
      highest = std::max(highest, Bottom(chart, bar, category) + ValueOf(chart, bar, category).value_or(0));
      if (const auto interval = IntervalOf(chart, bar, category)) highest = std::max(highest, interval->second);
    }
  }
  return highest;
}

/// In three digits, without a point where it has as many before it.
std::string Short(double value) {
  if (value >= 99.95) return absl::StrFormat("%.0f", value);
  return absl::StrFormat(value >= 9.995 ? "%.1f" : "%.2f", value);
}

std::string LabelAt(const std::string& text, double x, const std::string& y, const char* more) {
  return absl::StrCat("set label ", Quoted(text), " at ", Number(x), ", ", y, " ", more, "\n");
}

/// "not measured" where a bar would stand, the value above each other one.
std::string Labels(const BarChart& chart, const Places& places) {
  std::string labels;
  const auto missing = [&](double x) {
    absl::StrAppend(
        &labels, LabelAt("not measured", x, "graph 0.02", "left rotate by 90 textcolor rgb '#777777' font 'Inter,7'"));
  };
  const auto value_above = [&](double x, double value, double top) {
    if (!chart.show_values || !places.RoomForValues()) return;
    absl::StrAppend(&labels, LabelAt(Short(value), x, Number(top),
                                     "center offset 0,0.55 textcolor rgb '#333333' font 'Inter,7.5'"));
  };
  for (size_t category = 0; category < chart.categories.size(); ++category) {
    if (chart.stacked) {
      const double total = Bottom(chart, chart.bars.size(), category);
      AnyMeasured(chart, category) ? value_above(places.Center(category, 0), total, total)
                                   : missing(places.Center(category, 0));
      continue;
    }
    for (size_t bar = 0; bar < chart.bars.size(); ++bar) {
      const std::optional<double> value = ValueOf(chart, bar, category);
      const auto interval = IntervalOf(chart, bar, category);
      value ? value_above(places.Center(category, bar), *value, interval ? std::max(*value, interval->second) : *value)
            : missing(places.Center(category, bar));
    }
  }
  return labels;
}

Color ColorOf(const BarChart& chart, size_t bar, size_t category) {
  const bool by_category = chart.bars.size() == 1 && chart.category_colors.size() == chart.categories.size();
  return by_category ? chart.category_colors[category] : chart.bars[bar].style.color;
}

/// A bar a line: its middle, its sides, bottom and top, its interval, its color.
std::string Data(const BarChart& chart, const Places& places) {
  std::string bars = "$bars << EOD\n", intervals = "$intervals << EOD\n";
  for (size_t category = 0; category < chart.categories.size(); ++category) {
    for (size_t bar = 0; bar < chart.bars.size(); ++bar) {
      const std::optional<double> value = ValueOf(chart, bar, category);
      if (!value) continue;
      const double x = places.Center(category, bar), bottom = Bottom(chart, bar, category);
      const Color color = ColorOf(chart, bar, category);
      absl::StrAppend(&bars, Number(x), " ", Number(bottom + *value), " ", Number(x - places.HalfWidth()), " ",
                      Number(x + places.HalfWidth()), " ", Number(bottom), " ", Number(bottom + *value), " ",
                      (color.red << 16) + (color.green << 8) + color.blue, "\n");
      if (const auto interval = IntervalOf(chart, bar, category)) {
        absl::StrAppend(&intervals, Number(x), " ", Number(*value), " ", Number(interval->first), " ",
                        Number(interval->second), "\n");
      }
    }
  }
  return absl::StrCat(bars, "EOD\n", intervals, "EOD\n");
}

bool HasIntervals(const BarChart& chart) {
  for (size_t category = 0; category < chart.categories.size(); ++category) {
    for (size_t bar = 0; bar < chart.bars.size(); ++bar) {
      if (ValueOf(chart, bar, category) && IntervalOf(chart, bar, category)) return true;
    }
  }
  return false;
}

std::string CategoryNames(const BarChart& chart, double width) {
  const std::string range =
      absl::StrCat("set xrange [-0.55:", Number(static_cast<double>(chart.categories.size()) - 0.45), "]\n");
  if (LegendNamesBars(chart, width)) return absl::StrCat("unset xtics\nset bmargin 0.8\n", range);
  std::vector<std::string> ticks;
  size_t lines = 1;
  for (size_t i = 0; i < chart.categories.size(); ++i) {
    const std::string name = InLines(chart.categories[i], ColumnsOf(width, chart.categories.size()));
    lines = std::max(lines, CountLines(name));
    ticks.push_back(absl::StrCat(name, " ", i));
  }
  return absl::StrCat("set xtics (", absl::StrJoin(ticks, ", "), ") scale 0\n", BottomMargin(lines, ""), range);
}

}  // namespace

bool LegendNamesBars(const BarChart& chart, double width) {
  const std::vector<Color>& colors = chart.category_colors;
  if (chart.bars.size() != 1 || colors.size() != chart.categories.size()) return false;
  for (size_t i = 0; i < colors.size(); ++i) {
    if (std::count(colors.begin(), colors.end(), colors[i]) > 1) return false;
  }
  const size_t columns = ColumnsOf(width, chart.categories.size());
  return std::any_of(chart.categories.begin(), chart.categories.end(),
                     [&](const std::string& name) { return LongestPart(name) > columns; });
}

std::string BarScript(const BarChart& chart, double width) {
  const Places places(chart, width);
  const double top = chart.y_most > 0 ? chart.y_most : kRoomAbove * Highest(chart);
  return absl::StrCat(
      "set ylabel ", Quoted(chart.y_label), " textcolor rgb '#333333'\nset yrange [0:", Number(top > 0 ? top : 1),
      "]\nset format y '%.6g'\nset style fill solid 0.9 noborder\n", CategoryNames(chart, width), Labels(chart, places),
      Data(chart, places), "plot $bars using 1:2:3:4:5:6:7 with boxxyerror linecolor rgb variable",
      HasIntervals(chart) ? ", \\\n  $intervals using 1:3:(0):($4-$3) with vectors nohead linecolor rgb "
                            "'#ffffff' linewidth 4, \\\n  $intervals using 1:3:(0):($4-$3) with vectors "
                            "nohead linecolor rgb '#111111' linewidth 1.6"
                          : "",
      "\n");
}

}  // namespace roberta::loadtest::document
