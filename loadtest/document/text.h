#pragma once

#include <cairo.h>
#include <pango/pango.h>

#include <memory>
#include <string>

#include "loadtest/document/content.h"

namespace roberta::loadtest::document {

struct Font {
  double size = 9;  ///< points
  PangoWeight weight = PANGO_WEIGHT_NORMAL;
  Color color = {0x22, 0x22, 0x22};
};

/// A laid out text. All lengths are points. Where it is given a width it breaks lines at words, inside one only if that
/// alone is too long, so that nothing is ever cut off. Bytes that are not UTF-8 are shown as replacement characters.
/// Digits are all of one width.
class Text {
 public:
  /// `width` of less than 0: one line for each line of `text`. `cairo` must outlive the text.
  Text(cairo_t* cairo, const std::string& text, const Font& font, double width = -1,
       PangoAlignment alignment = PANGO_ALIGN_LEFT);

  double width() const { return width_; }  ///< of the ink's advance, the widest line's
  double height() const { return height_; }
  int lines() const;
  double LineHeight(int line) const;

  /// Draws all of it, or one of its lines, with the upper left corner at x, y.
  void Draw(double x, double y) const;
  void DrawLine(int line, double x, double y) const;

 private:
  struct Unref {
    void operator()(PangoLayout* layout) const { g_object_unref(layout); }
  };

  cairo_t* const cairo_;
  const Font font_;
  std::unique_ptr<PangoLayout, Unref> layout_;
  double width_ = 0;
  double height_ = 0;
};

/// Which of the fonts that documents are designed for is installed: as designed, another one instead, or none at all.
enum class InstalledFont { kInter, kAnother, kNone };
InstalledFont FindFont();

/// Width of the longest word of `text`.
double LongestWord(cairo_t* cairo, const std::string& text, const Font& font);

/// `text` with replacement characters for bytes that are not UTF-8.
std::string ValidUtf8(const std::string& text);

void SetSource(cairo_t* cairo, const Color& color);

}  // namespace roberta::loadtest::document
