#include "loadtest/document/table_layout.h"

#include <algorithm>
#include <cctype>

namespace roberta::loadtest::document {

namespace {

constexpr double kGap = 14;       // between columns
constexpr double kPadding = 3.2;  // above and below a row's text
constexpr double kWidening = 26;  // that a column gets at most where there is room
constexpr double kLargest = 9, kSmallest = 6, kSmaller = 0.5;
constexpr Color kGray = {0x77, 0x77, 0x77};

PangoAlignment SideOf(const Column& column) {
  return column.align == Align::kDecimal ? PANGO_ALIGN_RIGHT : PANGO_ALIGN_LEFT;
}

void DrawRule(cairo_t* cairo, double x, double y, double length, double thickness, const Color& color) {
  SetSource(cairo, color);
  cairo_set_line_width(cairo, thickness);
  cairo_move_to(cairo, x, y);
  cairo_line_to(cairo, x + length, y);
  cairo_stroke(cairo);
}

bool IsDigit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

/// Where the digits begin: after a sign or a comparison.
size_t FirstDigit(const std::string& text) {
  for (const char* sign : {"−", "±", "≤", "≥", "-", "+", "<", ">", "~"}) {
    const size_t bytes = std::char_traits<char>::length(sign);
    if (text.compare(0, bytes, sign) != 0) continue;
    const size_t digit = text.find_first_not_of(' ', bytes);
    return digit == std::string::npos ? text.size() : digit;
  }
  return 0;
}

/// True if `text` is laid out as a number: it begins with a digit, perhaps after a sign or a comparison.
bool IsNumber(const std::string& text) {
  const size_t digit = FirstDigit(text);
  return digit < text.size() && IsDigit(text[digit]);
}

}  // namespace

std::pair<std::string, std::string> SplitAtDecimal(const std::string& text) {
  if (!IsNumber(text)) return {"", text};
  size_t end = FirstDigit(text);
  while (end < text.size() &&
         (IsDigit(text[end]) || (text[end] == ',' && end + 1 < text.size() && IsDigit(text[end + 1]))))
    ++end;
  return {text.substr(0, end), text.substr(end)};
}

TableLayout::TableLayout(cairo_t* cairo, const Table* table, double width) : cairo_(cairo), table_(table) {
  for (size_ = kLargest; size_ >= kSmallest; size_ -= kSmaller) {
    Measure();
    if (Distribute(width)) break;
  }
  title_height_ = 0;
  for (size_t i = 0; i < table_->columns.size(); ++i) {
    if (table_->columns[i].title.empty()) continue;
    const Text title(cairo_, table_->columns[i].title, TitleFont(), columns_[i].width);
    title_height_ = std::max(title_height_, title.height() + 2 * kPadding);
  }
  for (const std::vector<Cell>& row : table_->rows) {
    double height = 0;
    for (size_t i = 0; i < std::min(row.size(), columns_.size()); ++i) {
      height = std::max(height, CellHeight(row[i], i) + 2 * kPadding);
    }
    row_heights_.push_back(height);
  }
}

Font TableLayout::TitleFont() const {
  return {.size = size_ - 0.5, .weight = PANGO_WEIGHT_SEMIBOLD, .color = {0x44, 0x44, 0x44}};
}

Font TableLayout::CellFont(const Cell& cell, Align align) const {
  Font font = {.size = size_, .weight = cell.strong ? PANGO_WEIGHT_SEMIBOLD : PANGO_WEIGHT_NORMAL};
  if (align == Align::kDecimal && !IsNumber(cell.text)) font.color = kGray;
  return font;
}

Font TableLayout::NoteFont() const {
  return {.size = size_ * 0.8, .color = kGray};
}

double TableLayout::Indent(const Cell& cell) const {
  return cell.swatch ? size_ * 1.3 : 0;
}

void TableLayout::MeasureCell(const Cell& cell, Align align, ColumnWidths* widths) const {
  const Font font = CellFont(cell, align);
  if (!cell.note.empty()) {
    widths->natural = std::max(widths->natural, Text(cairo_, cell.note, NoteFont()).width());
    widths->least = std::max(widths->least, LongestWord(cairo_, cell.note, NoteFont()));
  }
  if (align == Align::kDecimal && IsNumber(cell.text)) {
    const auto [integer, fraction] = SplitAtDecimal(cell.text);
    widths->integers = std::max(widths->integers, Text(cairo_, integer, font).width() + Indent(cell));
    widths->fractions = std::max(widths->fractions, Text(cairo_, fraction, font).width());
    return;
  }
  widths->natural = std::max(widths->natural, Text(cairo_, cell.text, font).width() + Indent(cell));
  widths->least = std::max(widths->least, std::min(90.0, LongestWord(cairo_, cell.text, font)) + Indent(cell));
}

void TableLayout::Measure() {
  columns_.assign(table_->columns.size(), {});
  for (size_t i = 0; i < columns_.size(); ++i) {
    ColumnWidths& widths = columns_[i];
    const Column& column = table_->columns[i];
    widths.natural = Text(cairo_, column.title, TitleFont()).width();
    widths.least = LongestWord(cairo_, column.title, TitleFont());
    for (const std::vector<Cell>& row : table_->rows) {
      if (i < row.size()) MeasureCell(row[i], column.align, &widths);
    }
    const double numbers = widths.integers + widths.fractions;
    widths.natural = std::max(widths.natural, numbers) + 0.5;
    widths.least = std::min(widths.natural, std::max(widths.least, numbers) + 0.5);
  }
}

/// False if not even the least widths fit.
bool TableLayout::Distribute(double available) {
  const double gaps = kGap * static_cast<double>(columns_.empty() ? 0 : columns_.size() - 1);
  double natural = gaps, least = gaps;
  for (const ColumnWidths& column : columns_) {
    natural += column.natural;
    least += column.least;
  }
  const bool fits = least <= available;
  const double over = std::max(0.0, natural - available), slack = natural - least;
  const double extra =
      columns_.empty() ? 0
                       : std::min(kWidening, std::max(0.0, available - natural) / static_cast<double>(columns_.size()));
  total_width_ = gaps;
  for (ColumnWidths& column : columns_) {
    const double share = slack > 0 ? (column.natural - column.least) / slack : 0;
    column.width = fits ? column.natural - std::min(1.0, over / std::max(slack, 1e-9)) * share * slack + extra
                        : column.least * (available - gaps) / std::max(least - gaps, 1.0);
    total_width_ += column.width;
  }
  return fits;
}

Text TableLayout::LayOut(const Cell& cell, size_t index) const {
  const Column& column = table_->columns[index];
  return Text(cairo_, cell.text, CellFont(cell, column.align), columns_[index].width - Indent(cell), SideOf(column));
}

Text TableLayout::LayOutNote(const Cell& cell, size_t index) const {
  return Text(cairo_, cell.note, NoteFont(), columns_[index].width, SideOf(table_->columns[index]));
}

double TableLayout::CellHeight(const Cell& cell, size_t column) const {
  return LayOut(cell, column).height() + (cell.note.empty() ? 0 : LayOutNote(cell, column).height());
}

void TableLayout::DrawTitles(double x, double y) const {
  double left = x;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Column& column = table_->columns[i];
    const Text title(cairo_, column.title, TitleFont(), columns_[i].width, SideOf(column));
    title.Draw(left, y + title_height_ - kPadding - title.height());
    left += columns_[i].width + kGap;
  }
  DrawRule(cairo_, x, y + title_height_, total_width_, 0.7, {0x88, 0x88, 0x88});
}

void TableLayout::DrawNumber(const Cell& cell, size_t column, double x, double y) const {
  const Font font = CellFont(cell, Align::kDecimal);
  const auto [integer, fraction] = SplitAtDecimal(cell.text);
  const Text before(cairo_, integer, font), after(cairo_, fraction, font);
  const double point = x + columns_[column].width - columns_[column].fractions;
  before.Draw(point - before.width(), y);
  after.Draw(point, y);
}

void TableLayout::DrawCell(const Cell& cell, size_t column, double x, double y) const {
  if (cell.swatch) {
    SetSource(cairo_, *cell.swatch);
    cairo_rectangle(cairo_, x, y + size_ * 0.22, size_ * 0.8, size_ * 0.8);
    cairo_fill(cairo_);
  }
  const Text text = LayOut(cell, column);
  if (table_->columns[column].align == Align::kDecimal && IsNumber(cell.text)) {
    DrawNumber(cell, column, x, y);
  } else {
    text.Draw(x + Indent(cell), y);
  }
  if (!cell.note.empty()) LayOutNote(cell, column).Draw(x, y + text.height());
}

void TableLayout::DrawRow(size_t row, double x, double y) const {
  double left = x;
  const std::vector<Cell>& cells = table_->rows[row];
  for (size_t i = 0; i < std::min(cells.size(), columns_.size()); ++i) {
    DrawCell(cells[i], i, left, y + kPadding);
    left += columns_[i].width + kGap;
  }
  DrawRule(cairo_, x, y + row_heights_[row], total_width_, 0.4, {0xdd, 0xdd, 0xdd});
}

}  // namespace roberta::loadtest::document
