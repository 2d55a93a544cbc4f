#pragma once

#include <cairo.h>

#include <string>

#include "loadtest/document/chart_script.h"
#include "loadtest/document/content.h"
#include "loadtest/document/legend.h"
#include "loadtest/document/text.h"

namespace roberta::document {

/// A chart's drawing, or why there is none.
struct Drawing {
  std::string svg;
  std::string why_empty;
};

/// A chart as it stands on a page: title, reading, legend, drawing. Lengths are points.
class ChartBlock {
 public:
  /// `cairo` and `drawing` must outlive this.
  ChartBlock(cairo_t* cairo, const Chart& chart, const Drawing* drawing, const ChartSize& size);

  double head_height() const;  ///< of what stands above the drawing
  double height() const { return head_height() + body_height(); }
  double body_height() const;

  /// Draws with the upper left corner at x, y. `head` is the room for what stands above the drawing: of charts side by
  /// side the largest, so that their drawings stand in a line.
  void Draw(double x, double y, double head) const;

 private:
  void DrawSvg(double x, double y) const;

  cairo_t* const cairo_;
  const Drawing* const drawing_;
  const ChartSize size_;
  const Text title_, reading_, why_empty_;
  const Legend legend_;
};

}  // namespace roberta::document
