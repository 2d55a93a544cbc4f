#pragma once

#include <cairo.h>
#include <string>
#include <vector>

#include "loadtest/document/chart_script.h"
#include "loadtest/document/content.h"
#include "loadtest/document/text.h"

namespace roberta::loadtest::document {

/// Which look is which series, in as many lines as it takes. Lengths are points.
class Legend {
 public:
  /// `cairo` must outlive this. A series without a name has no place in it; a chart of bars of one kind needs none, if
  /// their names fit below them. Then its height is 0.
  Legend(cairo_t* cairo, const Chart& chart, double width);

  double height() const;
  /// Draws with the upper left corner at x, y.
  void Draw(double x, double y) const;

 private:
  struct Entry {
    std::string name;
    SeriesStyle style;
    bool line = false;  ///< else a bar
    bool marked = false;
    double x = 0, y = 0;  ///< from the upper left corner
  };
  void Place(double width);
  void DrawSample(const Entry& entry, double x, double middle) const;

  cairo_t* const cairo_;
  std::vector<Entry> entries_;
  double name_width_ = 0;  ///< that a name may take
  double height_ = 0;
};

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

}  // namespace roberta::loadtest::document
