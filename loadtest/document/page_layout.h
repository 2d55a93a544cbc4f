#pragma once

#include <cairo.h>

#include <cstddef>
#include <string>
#include <vector>

#include "loadtest/document/chart_block.h"
#include "loadtest/document/chart_script.h"
#include "loadtest/document/content.h"
#include "loadtest/document/text.h"

namespace roberta::loadtest::document {

inline constexpr double kPageWidth = 595.276;  // A4 in points
inline constexpr double kPageHeight = 841.890;
inline constexpr double kMargin = 56;
inline constexpr double kContentWidth = kPageWidth - 2 * kMargin;
inline constexpr double kGutter = 18;  // between charts side by side
/// Of the drawing alone.
inline constexpr ChartSize SizeOf(const Chart& chart) {
  return chart.half ? ChartSize{(kContentWidth - kGutter) / 2, 142} : ChartSize{kContentWidth, 168};
}

/// Sets blocks one below another on pages of a PDF surface. What belongs together stays on one page: a heading and what
/// follows it, a chart with its title, a row of a table.
class PageLayout {
 public:
  /// `cairo` draws on `surface`; both must outlive this. `pages` is what the page numbers say there are in all.
  PageLayout(cairo_t* cairo, cairo_surface_t* surface, std::string footer, size_t pages);

  /// `drawings` are those of the document's charts, in their order. Called once.
  void LayOut(const Document& document, const std::vector<Drawing>& drawings);

  size_t pages() const { return page_; }

 private:
  void Title(const Document& document);
  void Add(const Heading& heading, double room_for_next);
  void Add(const Paragraph& paragraph);
  void Add(const Table& table);
  /// Charts side by side, or one.
  void Add(const std::vector<const Chart*>& row, const Drawing* drawings);
  void AddBox(const Paragraph& paragraph);

  /// Height that block `i` needs at least on one page, up to where it may be broken. `drawings` begin with its own.
  double Least(const Document& document, size_t i, const Drawing* drawings) const;
  double Least(const Table& table) const;
  double room() const { return kPageHeight - kMargin - 8 - y_; }
  bool at_top() const { return y_ <= kMargin; }
  void Space(double points);
  void NeedRoom(double points);
  void EndPage();
  void NewPage();
  void Outline(const std::string& name, bool below_heading);
  double DrawText(const std::string& text, const Font& font);

  cairo_t* const cairo_;
  cairo_surface_t* const surface_;
  const std::string footer_;
  const size_t pages_;
  size_t page_ = 1;
  double y_ = kMargin;
  int heading_ = 0;  ///< the outline's entry that others stand below
};

}  // namespace roberta::loadtest::document
