#include "loadtest/document/chart_block.h"

#include <librsvg/rsvg.h>

#include "absl/strings/str_cat.h"

namespace roberta::document {

namespace {

constexpr double kBelowTitle = 2, kBelowReading = 5, kBelowLegend = 3;
const Font kTitleFont = {.size = 10, .weight = PANGO_WEIGHT_SEMIBOLD};
const Font kReadingFont = {.size = 9, .colour = {0x44, 0x44, 0x44}};
const Font kNoteFont = {.size = 8, .colour = {0x66, 0x66, 0x66}};

}  // namespace

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

}  // namespace roberta::document
