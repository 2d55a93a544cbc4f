#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace roberta::loadtest::document {

/// sRGB.
struct Color {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;
  friend bool operator==(const Color&, const Color&) = default;
};

/// How a series looks: its color, and for prints without color its dashes and the shape of its points.
struct SeriesStyle {
  Color color;
  int dash = 0;   ///< 0 solid, 1 to 4 others
  int point = 0;  ///< 0 to 7
};

/// A section's title; the outline lists it. Stands on the page of what follows it.
struct Heading {
  std::string text;
};

enum class TextStyle {
  kLead,     ///< larger: what the reader should know if it reads nothing else
  kBody,     ///< running text
  kNote,     ///< smaller, gray
  kWarning,  ///< in a tinted box
};

struct Paragraph {
  std::string text;  ///< UTF-8; breaks lines where it is too long
  TextStyle style = TextStyle::kBody;
};

enum class Align {
  kText,     ///< left; breaks lines where the table is too wide
  kDecimal,  ///< numbers, their decimal points in one line; other text is set right-aligned, in gray
};

struct Column {
  std::string title;
  Align align = Align::kDecimal;
};

struct Cell {
  std::string text;
  bool strong = false;
  std::optional<Color> swatch;  ///< a small square before the text: the color of its series in the charts
  std::string note = {};        ///< below the text, smaller and gray: a range, say
};

/// Its title row is repeated on each page that it reaches.
struct Table {
  std::string caption;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  ///< [rows][columns]
};

/// A value at x, with the interval it lies in where that is known.
struct Point {
  double x = 0;
  double y = 0;
  std::optional<std::pair<double, double>> interval;
};

struct Series {
  std::string name;
  SeriesStyle style;
  std::vector<Point> points;
  bool marked = true;  ///< false: a line without marks at its points
  bool joined = true;  ///< false: hollow marks without a line
};

struct Axis {
  std::string label;  ///< with its unit: "latency, ms"
  bool logarithmic = false;
  std::vector<std::pair<double, std::string>> ticks;  ///< empty: chosen
  bool from_zero = false;
  std::optional<std::pair<double, double>> range;  ///< nothing: chosen
  bool categories = false;                         ///< its ticks are names, in lines where they are long
};

/// A level that matters, drawn across the chart: a limit, say. The legend has its label.
struct Level {
  double y = 0;
  std::string label;
};
inline constexpr Color kLevelColor = {0x99, 0, 0};

/// Series of points over x.
struct LineChart {
  Axis x;
  Axis y;
  std::vector<Series> series;
  std::vector<Level> levels;
};

/// Bars over categories: one for each series side by side, or stacked.
struct BarChart {
  struct Bars {
    std::string name;
    SeriesStyle style;
    std::vector<std::optional<double>> values;  ///< [categories]; nothing: not measured, and marked so
    /// [categories]: where the values lie, of bars that are not stacked; empty: not known.
    std::vector<std::optional<std::pair<double, double>>> intervals;
  };
  std::vector<std::string> categories;
  std::vector<Bars> bars;
  std::vector<Color> category_colors;  ///< [categories] of a chart with one series; empty: the series' own
  std::string y_label;
  bool stacked = false;
  double y_most = 0;        ///< where its axis ends; 0: chosen
  bool show_values = true;  ///< above the bars, where there is room
};

struct Chart {
  std::string title;
  std::string reading;  ///< one line that says what is to be seen
  std::variant<LineChart, BarChart> plot;
  bool half = false;    ///< half as wide: it stands beside a half one that follows it
  std::string missing;  ///< why nothing of it was measured, if that is known
};

struct PageBreak {};

using Block = std::variant<Heading, Paragraph, Table, Chart, PageBreak>;

/// What a PDF holds, in the order of reading.
struct Document {
  std::string title;
  std::string subtitle;  ///< below the title
  std::string footer;    ///< at the left of each page's foot; the page's number is at the right
  std::string subject;   ///< metadata only, as are the next three
  std::vector<std::string> keywords;
  std::string creator;  ///< the program and its version
  std::string created;  ///< ISO 8601: "2026-01-31T12:00:00Z"; empty: unknown
  std::vector<Block> blocks;
};

}  // namespace roberta::loadtest::document
