#include "loadtest/document/chart_script.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace roberta::loadtest::document {

namespace {

constexpr double kPointsOfAxis = 55;   // beside the bars: the axis and its labels
constexpr double kPointsOfValue = 26;  // above a bar
constexpr double kRoomAbove = 1.14;    // of the highest bar, for its value

struct Bar {
  double x = 0, bottom = 0, top = 0;
  std::optional<std::pair<double, double>> interval;
  Color color;
};

/// What is said above a bar or a stack of them: its value, or where it would stand that there is none.
struct Sign {
  double x = 0;
  std::optional<double> value;
  double top = 0;
};

/// Where bars stand: category 0 around x = 0, the next around 1.
struct Layout {
  std::vector<Bar> bars;
  std::vector<Sign> signs;
  double half_width = 0;  ///< of a bar
  bool room_for_values = false;
};

std::optional<double> ValueOf(const BarChart::Bars& bars, size_t category) {
  if (category >= bars.values.size() || !std::isfinite(bars.values[category].value_or(NAN))) return std::nullopt;
  return bars.values[category];
}

Color ColorOf(const BarChart& chart, const BarChart::Bars& bars, size_t category) {
  const bool by_category = chart.bars.size() == 1 && chart.category_colors.size() == chart.categories.size();
  return by_category ? chart.category_colors[category] : bars.style.color;
}

/// Adds the bars of a category, `pitch` apart or one upon another.
void AddCategory(const BarChart& chart, size_t category, double pitch, Layout* layout) {
  const auto middle = static_cast<double>(category);
  double bottom = 0, left = middle - pitch * (static_cast<double>(chart.bars.size()) - 1) / 2;
  bool any = false;
  for (const BarChart::Bars& bars : chart.bars) {
    const std::optional<double> value = ValueOf(bars, category);
    Bar bar = {chart.stacked ? middle : left, bottom, bottom + value.value_or(0), {}, ColorOf(chart, bars, category)};
    left += pitch;
    any = any || value;
    if (!chart.stacked && value && category < bars.intervals.size()) bar.interval = bars.intervals[category];
    if (value) layout->bars.push_back(bar);
    if (chart.stacked) bottom = bar.top;
    if (chart.stacked) continue;
    layout->signs.push_back({bar.x, value, bar.interval ? std::max(bar.top, bar.interval->second) : bar.top});
  }
  if (chart.stacked) layout->signs.push_back({middle, any ? std::optional(bottom) : std::nullopt, bottom});
}

Layout LayOut(const BarChart& chart, double width) {
  const bool one = chart.stacked || chart.bars.size() == 1;
  const double pitch = one ? 0.56 : 0.82 / static_cast<double>(std::max<size_t>(1, chart.bars.size()));
  const double points_of_category =
      (width - kPointsOfAxis) / static_cast<double>(std::max<size_t>(1, chart.categories.size()));
  Layout layout = {.half_width = pitch * (one ? 0.5 : 0.46),
                   .room_for_values = (one ? 1 : pitch) * points_of_category >= kPointsOfValue};
  for (size_t category = 0; category < chart.categories.size(); ++category) {
    AddCategory(chart, category, pitch, &layout);
  }
  return layout;
}

double Highest(const Layout& layout) {
  double highest = 0;
  for (const Bar& bar : layout.bars) {
    highest = std::max({highest, bar.top, bar.interval ? bar.interval->second : 0});
  }
  return highest;
}

/// In three digits, without a point where it has as many before it.
std::string Short(double value) {
  return absl::StrFormat("%.*f", value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, value);
}

std::string LabelAt(const std::string& text, double x, const std::string& y, const char* more) {
  return absl::StrCat("set label ", Quoted(text), " at ", Number(x), ", ", y, " ", more, "\n");
}

/// "not measured" where a bar would stand, the value above each other one.
std::string Labels(const Layout& layout, bool show_values) {
  std::string labels;
  for (const Sign& sign : layout.signs) {
    if (!sign.value) {
      absl::StrAppend(&labels, LabelAt("not measured", sign.x, "graph 0.02",
                                       "left rotate by 90 textcolor rgb '#777777' font 'Inter,7'"));
    } else if (show_values && layout.room_for_values) {
      absl::StrAppend(&labels, LabelAt(Short(*sign.value), sign.x, Number(sign.top),
                                       "center offset 0,0.55 textcolor rgb '#333333' font 'Inter,7.5'"));
    }
  }
  return labels;
}

/// A bar a line: its middle, its sides, bottom and top, its interval, its color.
std::string Data(const Layout& layout) {
  std::string bars = "$bars << EOD\n", intervals = "$intervals << EOD\n";
  for (const Bar& bar : layout.bars) {
    absl::StrAppend(&bars, Number(bar.x), " ", Number(bar.top), " ", Number(bar.x - layout.half_width), " ",
                    Number(bar.x + layout.half_width), " ", Number(bar.bottom), " ", Number(bar.top), " ",
                    (bar.color.red << 16) + (bar.color.green << 8) + bar.color.blue, "\n");
    if (!bar.interval) continue;
    absl::StrAppend(&intervals, Number(bar.x), " ", Number(bar.top), " ", Number(bar.interval->first), " ",
                    Number(bar.interval->second), "\n");
  }
  return absl::StrCat(bars, "EOD\n", intervals, "EOD\n");
}

/// The range of the x axis, and the names below it unless the legend has them.
std::string Names(const BarChart& chart, double width) {
  std::vector<std::pair<double, std::string>> names;
  for (const std::string& category : chart.categories) {
    if (!LegendNamesBars(chart, width)) names.emplace_back(static_cast<double>(names.size()), category);
  }
  return absl::StrCat(CategoryNames(names, width, ""),
                      "set xrange [-0.55:", Number(static_cast<double>(chart.categories.size()) - 0.45), "]\n");
}

}  // namespace

bool LegendNamesBars(const BarChart& chart, double width) {
  const std::vector<Color>& colors = chart.category_colors;
  if (chart.bars.size() != 1 || colors.size() != chart.categories.size()) return false;
  for (size_t i = 0; i < colors.size(); ++i) {
    if (std::ranges::count(colors, colors[i]) > 1) return false;
  }
  const size_t columns = ColumnsOf(width, chart.categories.size());
  return std::ranges::any_of(chart.categories, [&](const std::string& name) { return LongestPart(name) > columns; });
}

std::string BarScript(const BarChart& chart, double width) {
  const Layout layout = LayOut(chart, width);
  const double top = chart.y_most > 0 ? chart.y_most : kRoomAbove * Highest(layout);
  const bool intervals = std::ranges::any_of(layout.bars, [](const Bar& bar) { return bar.interval.has_value(); });
  return absl::StrCat("set ylabel ", Quoted(chart.y_label),
                      " textcolor rgb '#333333'\nset yrange [0:", Number(top > 0 ? top : 1),
                      "]\nset format y '%.6g'\nset style fill solid 0.9 noborder\n", Names(chart, width),
                      Labels(layout, chart.show_values), Data(layout),
                      "plot $bars using 1:2:3:4:5:6:7 with boxxyerror linecolor rgb variable",
                      intervals ? ", \\\n  $intervals using 1:3:(0):($4-$3) with vectors nohead linecolor rgb "
                                  "'#ffffff' linewidth 4, \\\n  $intervals using 1:3:(0):($4-$3) with vectors "
                                  "nohead linecolor rgb '#111111' linewidth 1.6"
                                : "",
                      "\n");
}

}  // namespace roberta::loadtest::document
