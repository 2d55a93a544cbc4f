#pragma once

#include <cairo.h>

#include <string>
#include <vector>

#include "loadtest/document/content.h"

namespace roberta::document {

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

}  // namespace roberta::document
