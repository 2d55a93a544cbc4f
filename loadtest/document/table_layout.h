#pragma once

#include <cairo.h>

#include <string>
#include <utility>
#include <vector>

#include "loadtest/document/content.h"
#include "loadtest/document/text.h"

namespace roberta::loadtest::document {

/// A number in a table, split where its decimal point stands or would stand: "1,234" and ".5 ms". Nothing of `text` is
/// lost. Not a number: {"", text}.
std::pair<std::string, std::string> SplitAtDecimal(const std::string& text);

/// A table measured for a width: breaks lines in what is too long, and takes smaller letters before anything would be
/// cut off. Lengths are points.
class TableLayout {
 public:
  /// Both must outlive this.
  TableLayout(cairo_t* cairo, const Table* table, double width);

  double title_height() const { return title_height_; }
  double RowHeight(size_t row) const { return row_heights_[row]; }
  double width() const { return total_width_; }

  /// Draws with the upper left corner at x, y.
  void DrawTitles(double x, double y) const;
  void DrawRow(size_t row, double x, double y) const;

 private:
  struct ColumnWidths {
    double natural = 0;
    double least = 0;
    double integers = 0;  ///< of a decimal column: widest part before and after the point
    double fractions = 0;
    double width = 0;  ///< that it gets
  };

  Font TitleFont() const;
  Font CellFont(const Cell& cell, Align align) const;
  Font NoteFont() const;
  double Indent(const Cell& cell) const;
  void Measure();
  void MeasureCell(const Cell& cell, Align align, ColumnWidths* widths) const;
  bool Distribute(double available);
  Text LayOut(const Cell& cell, size_t column) const;
  Text LayOutNote(const Cell& cell, size_t column) const;
  double CellHeight(const Cell& cell, size_t column) const;
  void DrawCell(const Cell& cell, size_t column, double x, double y) const;
  void DrawNumber(const Cell& cell, size_t column, double x, double y) const;

  cairo_t* const cairo_;
  const Table* const table_;
  double size_ = 9;  ///< of the letters
  std::vector<ColumnWidths> columns_;
  std::vector<double> row_heights_;
  double title_height_ = 0;
  double total_width_ = 0;
};

}  // namespace roberta::loadtest::document
