#include "loadtest/document/page_layout.h"

#include <cairo-pdf.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "loadtest/document/table_layout.h"

namespace roberta::loadtest::document {

namespace {

constexpr double kHeadingSpace = 16, kBlockSpace = 9, kBoxPadding = 8, kLeastOfParagraph = 80, kSlack = 12;
const Font kDocumentTitleFont = {.size = 21, .weight = PANGO_WEIGHT_BOLD};
const Font kSubtitleFont = {.size = 10.5, .color = {0x66, 0x66, 0x66}};
const Font kHeadingFont = {.size = 14, .weight = PANGO_WEIGHT_SEMIBOLD};
const Font kCaptionFont = {.size = 10, .weight = PANGO_WEIGHT_SEMIBOLD};
const Font kFooterFont = {.size = 7.5, .color = {0x77, 0x77, 0x77}};

Font FontOf(TextStyle style) {
  switch (style) {
    case TextStyle::kLead:
      return {.size = 11.5};
    case TextStyle::kNote:
      return {.size = 8, .color = {0x66, 0x66, 0x66}};
    case TextStyle::kBody:
    case TextStyle::kWarning:
      break;
  }
  return {.size = 9.5};
}

/// The chart at `i` and the one beside it.
std::vector<const Chart*> RowAt(const Document& document, size_t i) {
  std::vector<const Chart*> row = {&std::get<Chart>(document.blocks[i])};
  const auto* next = i + 1 < document.blocks.size() ? std::get_if<Chart>(&document.blocks[i + 1]) : nullptr;
  if (row[0]->half && next != nullptr && next->half) row.push_back(next);
  return row;
}

/// The charts of a row, measured.
struct Row {
  std::deque<ChartBlock> blocks;  // its elements stay where they are
  double head = 0, body = 0;
  Row(cairo_t* cairo, const std::vector<const Chart*>& charts, const Drawing* drawings) {
    for (size_t i = 0; i < charts.size(); ++i) {
      const ChartBlock& block = blocks.emplace_back(cairo, *charts[i], drawings + i, SizeOf(*charts[i]));
      head = std::max(head, block.head_height());
      body = std::max(body, block.body_height());
    }
  }
};

}  // namespace

PageLayout::PageLayout(cairo_t* cairo, cairo_surface_t* surface, std::string footer, size_t pages)
    : cairo_(cairo), surface_(surface), footer_(std::move(footer)), pages_(pages) {}

void PageLayout::LayOut(const Document& document, const std::vector<Drawing>& drawings) {
  Title(document);
  size_t chart = 0;
  for (size_t i = 0; i < document.blocks.size(); ++i) {
    const Block& block = document.blocks[i];
    if (const auto* heading = std::get_if<Heading>(&block)) {
      Add(*heading, i + 1 < document.blocks.size() ? Least(document, i + 1, drawings.data() + chart) : 0);
    } else if (const auto* paragraph = std::get_if<Paragraph>(&block)) {
      Add(*paragraph);
    } else if (const auto* table = std::get_if<Table>(&block)) {
      Add(*table);
    } else if (std::holds_alternative<Chart>(block)) {
      const std::vector<const Chart*> row = RowAt(document, i);
      Add(row, drawings.data() + chart);
      chart += row.size();
      i += row.size() - 1;
    } else if (!at_top()) {
      NewPage();
    }
  }
  EndPage();
}

void PageLayout::Title(const Document& document) {
  Outline(document.title, false);
  y_ += DrawText(document.title, kDocumentTitleFont) + 3;
  if (!document.subtitle.empty()) y_ += DrawText(document.subtitle, kSubtitleFont);
  y_ += 12;
}

double PageLayout::DrawText(const std::string& text, const Font& font) {
  const Text laid_out(cairo_, text, font, kContentWidth);
  laid_out.Draw(kMargin, y_);
  return laid_out.height();
}

void PageLayout::Add(const Heading& heading, double room_for_next) {
  Space(kHeadingSpace);
  NeedRoom(Text(cairo_, heading.text, kHeadingFont, kContentWidth).height() + 6 + room_for_next + kSlack);
  Outline(heading.text, false);
  y_ += DrawText(heading.text, kHeadingFont) + 6;
}

void PageLayout::Add(const Paragraph& paragraph) {
  if (paragraph.style == TextStyle::kWarning) return AddBox(paragraph);
  const Text text(cairo_, paragraph.text, FontOf(paragraph.style), kContentWidth);
  for (int line = 0; line < text.lines(); ++line) {
    NeedRoom(text.LineHeight(line));
    text.DrawLine(line, kMargin, y_);
    y_ += text.LineHeight(line);
  }
  Space(kBlockSpace);
}

void PageLayout::AddBox(const Paragraph& paragraph) {
  const Text text(cairo_, paragraph.text, FontOf(paragraph.style), kContentWidth - 2 * kBoxPadding - 4);
  NeedRoom(text.height() + 2 * kBoxPadding);
  SetSource(cairo_, {0xff, 0xf3, 0xdc});
  cairo_rectangle(cairo_, kMargin, y_, kContentWidth, text.height() + 2 * kBoxPadding);
  cairo_fill(cairo_);
  SetSource(cairo_, {0xe6, 0x9f, 0x00});
  cairo_rectangle(cairo_, kMargin, y_, 3, text.height() + 2 * kBoxPadding);
  cairo_fill(cairo_);
  text.Draw(kMargin + kBoxPadding + 4, y_ + kBoxPadding);
  y_ += text.height() + 2 * kBoxPadding;
  Space(kBlockSpace);
}

void PageLayout::Add(const Table& table) {
  const TableLayout layout(cairo_, &table, kContentWidth);
  NeedRoom(Least(table));
  if (!table.caption.empty()) {
    Outline(table.caption, true);
    y_ += DrawText(table.caption, kCaptionFont) + 2;
  }
  layout.DrawTitles(kMargin, y_);
  y_ += layout.title_height();
  for (size_t row = 0; row < table.rows.size(); ++row) {
    // The last row does not stand alone on a page.
    const bool last_but_one = row + 2 == table.rows.size();
    const double needed = layout.RowHeight(row) + (last_but_one && row > 0 ? layout.RowHeight(row + 1) : 0);
    if (room() < needed && !at_top()) {
      NewPage();
      layout.DrawTitles(kMargin, y_);
      y_ += layout.title_height();
    }
    layout.DrawRow(row, kMargin, y_);
    y_ += layout.RowHeight(row);
  }
  Space(kBlockSpace + 3);
}

void PageLayout::Add(const std::vector<const Chart*>& charts, const Drawing* drawings) {
  const Row row(cairo_, charts, drawings);
  NeedRoom(row.head + row.body);
  double x = kMargin;
  for (size_t i = 0; i < charts.size(); ++i) {
    Outline(charts[i]->title, true);
    row.blocks[i].Draw(x, y_, row.head);
    x += SizeOf(*charts[i]).width + kGutter;
  }
  y_ += row.head + row.body;
  Space(kBlockSpace + 3);
}

double PageLayout::Least(const Document& document, size_t i, const Drawing* drawings) const {
  const Block& block = document.blocks[i];
  if (std::holds_alternative<Chart>(block)) {
    const Row row(cairo_, RowAt(document, i), drawings);
    return row.head + row.body;
  }
  if (const auto* paragraph = std::get_if<Paragraph>(&block)) {
    const double height = Text(cairo_, paragraph->text, FontOf(paragraph->style), kContentWidth).height();
    const bool introduces =
        i + 1 < document.blocks.size() && !std::holds_alternative<Paragraph>(document.blocks[i + 1]);
    if (height >= kLeastOfParagraph || !introduces) return std::min(height, kLeastOfParagraph);
    return height + kBlockSpace + Least(document, i + 1, drawings);
  }
  if (const auto* table = std::get_if<Table>(&block)) return Least(*table);
  return 0;
}

/// Its title and three rows.
double PageLayout::Least(const Table& table) const {
  const TableLayout layout(cairo_, &table, kContentWidth);
  double height = layout.title_height() + (table.caption.empty() ? 0 : 16);
  for (size_t row = 0; row < std::min<size_t>(table.rows.size(), 3); ++row) height += layout.RowHeight(row);
  return height;
}

void PageLayout::Space(double points) {
  if (!at_top()) y_ += points;
}

void PageLayout::NeedRoom(double points) {
  if (room() >= points || at_top()) return;
  NewPage();
}

void PageLayout::NewPage() {
  EndPage();
  ++page_;
}

void PageLayout::EndPage() {
  const double y = kPageHeight - kMargin + 14;
  Text(cairo_, footer_, kFooterFont, kContentWidth - 60).Draw(kMargin, y);
  const std::string number = pages_ > 0 ? absl::StrCat("page ", page_, " of ", pages_) : absl::StrCat("page ", page_);
  Text(cairo_, number, kFooterFont, 60, PANGO_ALIGN_RIGHT).Draw(kMargin + kContentWidth - 60, y);
  cairo_show_page(cairo_);
  y_ = kMargin;
}

void PageLayout::Outline(const std::string& name, bool below_heading) {
  const std::string place = absl::StrFormat("page=%d pos=[%.1f %.1f]", static_cast<int>(page_), kMargin, y_);
  const int entry = cairo_pdf_surface_add_outline(surface_, below_heading ? heading_ : CAIRO_PDF_OUTLINE_ROOT,
                                                  ValidUtf8(name).c_str(), place.c_str(), CAIRO_PDF_OUTLINE_FLAG_OPEN);
  if (!below_heading) heading_ = entry;
}

}  // namespace roberta::loadtest::document
