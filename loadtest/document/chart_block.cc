#include "loadtest/document/chart_block.h"

#include <librsvg/rsvg.h>
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace roberta::loadtest::document {

namespace {

constexpr double kSampleOfLine = 20, kSampleOfBar = 8, kGapToName = 5, kGapBetween = 16, kBelow = 3;
const Font kFont = {.size = 8.5, .color = {0x33, 0x33, 0x33}};

/// A mark's corners in radii; without corners it is a circle.
using Corners = std::vector<std::pair<double, double>>;
const Corners kCircle;
const Corners kSquare = {{-1, -1}, {1, -1}, {1, 1}, {-1, 1}};
const Corners kTriangle = {{0, -1.2}, {1.1, 0.8}, {-1.1, 0.8}};
const Corners kDiamond = {{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}};
const Corners kDownward = {{0, 1.2}, {1.1, -0.8}, {-1.1, -0.8}};
// As gnuplot's, in the order of SeriesStyle's points; the last three are hollow.
const Corners* const kMarks[] = {&kCircle, &kSquare, &kTriangle, &kDiamond, &kDownward, &kCircle, &kSquare, &kTriangle};
constexpr int kFirstHollow = 5;

void MarkPath(cairo_t* cairo, const Corners& corners, double x, double y, double radius) {
  cairo_new_path(cairo);
  if (corners.empty()) return cairo_arc(cairo, x, y, radius, 0, 2 * M_PI);
  for (const auto& [dx, dy] : corners) cairo_line_to(cairo, x + dx * radius, y + dy * radius);
  cairo_close_path(cairo);
}

void SetDash(cairo_t* cairo, int dash) {
  static const std::vector<std::vector<double>> kDashes = {
      {}, {5, 3}, {1.5, 2}, {6, 2.5, 1.5, 2.5}, {6, 2, 1, 2, 1, 2}};
  const auto& pattern = kDashes[static_cast<size_t>(dash) % kDashes.size()];
  cairo_set_dash(cairo, pattern.data(), static_cast<int>(pattern.size()), 0);
}

constexpr double kBelowTitle = 2, kBelowReading = 5, kBelowLegend = 3;
const Font kTitleFont = {.size = 10, .weight = PANGO_WEIGHT_SEMIBOLD};
const Font kReadingFont = {.size = 9, .color = {0x44, 0x44, 0x44}};
const Font kNoteFont = {.size = 8, .color = {0x66, 0x66, 0x66}};

}  // namespace

Legend::Legend(cairo_t* cairo, const Chart& chart, double width) : cairo_(cairo) {
  if (const auto* lines = std::get_if<LineChart>(&chart.plot)) {
    for (const Series& series : lines->series) {
      if (!series.points.empty() && !series.name.empty()) {
        entries_.push_back({series.name, series.style, true, series.marked});
      }
    }
    for (const Level& level : lines->levels) entries_.push_back({level.label, {kLevelColor, 1}, true});
  } else {
    const auto& bars = std::get<BarChart>(chart.plot);
    for (const BarChart::Bars& one : bars.bars) {
      if (bars.bars.size() > 1) entries_.push_back({one.name, one.style});
    }
    for (size_t i = 0; LegendNamesBars(bars, width) && i < bars.categories.size(); ++i) {
      entries_.push_back({bars.categories[i], {bars.category_colors[i]}});
    }
  }
  Place(width);
}

void Legend::Place(double width) {
  name_width_ = width - kSampleOfLine - kGapToName;
  double x = 0, y = 0, line_height = 0;
  for (Entry& entry : entries_) {
    const Text name(cairo_, entry.name, kFont, name_width_);
    const double own = (entry.line ? kSampleOfLine : kSampleOfBar) + kGapToName + name.width();
    if (x > 0 && x + own > width) {
      x = 0;
      y += line_height;
      line_height = 0;
    }
    entry.x = x;
    entry.y = y;
    x += own + kGapBetween;
    line_height = std::max(line_height, name.height() + 1);
    height_ = y + line_height;
  }
}

double Legend::height() const {
  return entries_.empty() ? 0 : height_ + kBelow;
}

void Legend::DrawSample(const Entry& entry, double x, double middle) const {
  SetSource(cairo_, entry.style.color);
  if (!entry.line) {
    cairo_rectangle(cairo_, x, middle - kSampleOfBar / 2, kSampleOfBar, kSampleOfBar);
    cairo_fill(cairo_);
    return;
  }
  cairo_set_line_width(cairo_, 1.6);
  SetDash(cairo_, entry.style.dash);
  cairo_move_to(cairo_, x, middle);
  cairo_line_to(cairo_, x + kSampleOfLine, middle);
  cairo_stroke(cairo_);
  SetDash(cairo_, 0);
  if (!entry.marked) return;
  const int point = entry.style.point % static_cast<int>(std::size(kMarks));
  MarkPath(cairo_, *kMarks[point], x + kSampleOfLine / 2, middle, 2.4);
  cairo_set_line_width(cairo_, 1);
  point < kFirstHollow ? cairo_fill(cairo_) : cairo_stroke(cairo_);
}

void Legend::Draw(double x, double y) const {
  for (const Entry& entry : entries_) {
    const Text name(cairo_, entry.name, kFont, name_width_);
    DrawSample(entry, x + entry.x, y + entry.y + name.LineHeight(0) / 2);
    const double sample = entry.line ? kSampleOfLine : kSampleOfBar;
    name.Draw(x + entry.x + sample + kGapToName, y + entry.y);
  }
}

ChartBlock::ChartBlock(cairo_t* cairo, const Chart& chart, const Drawing* drawing, const ChartSize& size)
    : cairo_(cairo),
      drawing_(drawing),
      size_(size),
      title_(cairo, chart.title, kTitleFont, size.width),
      reading_(cairo, drawing->why_empty.empty() ? chart.reading : "", kReadingFont, size.width),
      why_empty_(cairo, drawing->why_empty, kNoteFont, size.width),
      legend_(cairo, chart, size.width) {}

double ChartBlock::head_height() const {
  if (!drawing_->why_empty.empty()) return title_.height() + kBelowTitle;
  const double legend = legend_.height();
  return title_.height() + kBelowTitle + reading_.height() + kBelowReading + (legend > 0 ? legend + kBelowLegend : 0);
}

double ChartBlock::body_height() const {
  return drawing_->why_empty.empty() ? size_.height : why_empty_.height();
}

void ChartBlock::Draw(double x, double y, double head) const {
  title_.Draw(x, y);
  const double below_title = y + title_.height() + kBelowTitle;
  if (!drawing_->why_empty.empty()) {
    why_empty_.Draw(x, below_title);
    return;
  }
  reading_.Draw(x, below_title);
  legend_.Draw(x, below_title + reading_.height() + kBelowReading);
  DrawSvg(x, y + head);
}

void ChartBlock::DrawSvg(double x, double y) const {
  const auto* bytes = reinterpret_cast<const guint8*>(drawing_->svg.data());
  GError* error = nullptr;
  RsvgHandle* handle = rsvg_handle_new_from_data(bytes, drawing_->svg.size(), &error);
  if (handle != nullptr) {
    const RsvgRectangle place = {x, y, size_.width, size_.height};
    rsvg_handle_render_document(handle, cairo_, &place, &error);
    g_object_unref(handle);
  }
  if (error == nullptr) return;
  Text(cairo_, absl::StrCat("this chart could not be drawn: ", error->message), kNoteFont, size_.width).Draw(x, y);
  g_error_free(error);
}

}  // namespace roberta::loadtest::document
