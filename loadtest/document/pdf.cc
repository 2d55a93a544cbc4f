#include "loadtest/document/pdf.h"

#include <cairo-pdf.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "loadtest/document/chart_block.h"
#include "loadtest/document/chart_script.h"
#include "loadtest/document/table_layout.h"
#include "loadtest/document/text.h"
#include "profiles/errors/errors.h"

namespace roberta::loadtest::document {

namespace {

constexpr double kPageWidth = 595.276;  // A4 in points
constexpr double kPageHeight = 841.890;
constexpr double kMargin = 56;
constexpr double kContentWidth = kPageWidth - 2 * kMargin;
constexpr double kGutter = 18;  // between charts side by side
/// Of the drawing alone.
constexpr ChartSize SizeOf(const Chart& chart) {
  return chart.half ? ChartSize{(kContentWidth - kGutter) / 2, 142} : ChartSize{kContentWidth, 168};
}

constexpr double kHeadingSpace = 16, kBlockSpace = 9, kBoxPadding = 8, kLeastOfParagraph = 80, kSlack = 12;
const Font kDocumentTitleFont = {.size = 21, .weight = PANGO_WEIGHT_BOLD};
const Font kSubtitleFont = {.size = 10.5, .color = {0x66, 0x66, 0x66}};
const Font kHeadingFont = {.size = 14, .weight = PANGO_WEIGHT_SEMIBOLD};
const Font kCaptionFont = {.size = 10, .weight = PANGO_WEIGHT_SEMIBOLD};
const Font kFooterFont = {.size = 7.5, .color = {0x77, 0x77, 0x77}};

Font FontOf(TextStyle style) {
  if (style == TextStyle::kLead) return {.size = 11.5};
  if (style == TextStyle::kNote) return {.size = 8, .color = {0x66, 0x66, 0x66}};
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

/// Sets blocks one below another on pages of a PDF surface. What belongs together stays on one page: a heading and what
/// follows it, a chart with its title, a row of a table.
class PageLayout {
 public:
  /// `cairo` draws on `surface`; both must outlive this. `pages` is what the page numbers say there are in all.
  PageLayout(cairo_t* cairo, cairo_surface_t* surface, std::string footer, size_t pages)
      : cairo_(cairo), surface_(surface), footer_(std::move(footer)), pages_(pages) {}

  /// `drawings` are those of the document's charts, in their order. Called once.
  void LayOut(const Document& document, const std::vector<Drawing>& drawings) {
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

  size_t pages() const { return page_; }

 private:
  void Title(const Document& document) {
    Outline(document.title, false);
    y_ += DrawText(document.title, kDocumentTitleFont) + 3;
    if (!document.subtitle.empty()) y_ += DrawText(document.subtitle, kSubtitleFont);
    y_ += 12;
  }

  double DrawText(const std::string& text, const Font& font) {
    const Text laid_out(cairo_, text, font, kContentWidth);
    laid_out.Draw(kMargin, y_);
    return laid_out.height();
  }

  void Add(const Heading& heading, double room_for_next) {
    Space(kHeadingSpace);
    NeedRoom(Text(cairo_, heading.text, kHeadingFont, kContentWidth).height() + 6 + room_for_next + kSlack);
    Outline(heading.text, false);
    y_ += DrawText(heading.text, kHeadingFont) + 6;
  }

  void Add(const Paragraph& paragraph) {
    if (paragraph.style == TextStyle::kWarning) return AddBox(paragraph);
    const Text text(cairo_, paragraph.text, FontOf(paragraph.style), kContentWidth);
    for (int line = 0; line < text.lines(); ++line) {
      NeedRoom(text.LineHeight(line));
      text.DrawLine(line, kMargin, y_);
      y_ += text.LineHeight(line);
    }
    Space(kBlockSpace);
  }

  void AddBox(const Paragraph& paragraph) {
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

  void Add(const Table& table) {
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

  /// Charts side by side, or one.
  void Add(const std::vector<const Chart*>& charts, const Drawing* drawings) {
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

  /// Height that block `i` needs at least on one page, up to where it may be broken. `drawings` begin with its own.
  double Least(const Document& document, size_t i, const Drawing* drawings) const {
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
  double Least(const Table& table) const {
    const TableLayout layout(cairo_, &table, kContentWidth);
    double height = layout.title_height() + (table.caption.empty() ? 0 : 16);
    for (size_t row = 0; row < std::min<size_t>(table.rows.size(), 3); ++row) height += layout.RowHeight(row);
    return height;
  }

  void Space(double points) {
    if (!at_top()) y_ += points;
  }

  void NeedRoom(double points) {
    if (room() < points && !at_top()) NewPage();
  }

  void NewPage() {
    EndPage();
    ++page_;
  }

  void EndPage() {
    const double y = kPageHeight - kMargin + 14;
    Text(cairo_, footer_, kFooterFont, kContentWidth - 60).Draw(kMargin, y);
    const std::string number = pages_ > 0 ? absl::StrCat("page ", page_, " of ", pages_) : absl::StrCat("page ", page_);
    Text(cairo_, number, kFooterFont, 60, PANGO_ALIGN_RIGHT).Draw(kMargin + kContentWidth - 60, y);
    cairo_show_page(cairo_);
    y_ = kMargin;
  }

  void Outline(const std::string& name, bool below_heading) {
    const std::string place = absl::StrFormat("page=%d pos=[%.1f %.1f]", static_cast<int>(page_), kMargin, y_);
    const int entry =
        cairo_pdf_surface_add_outline(surface_, below_heading ? heading_ : CAIRO_PDF_OUTLINE_ROOT,
                                      ValidUtf8(name).c_str(), place.c_str(), CAIRO_PDF_OUTLINE_FLAG_OPEN);
    if (!below_heading) heading_ = entry;
  }

  double room() const { return kPageHeight - kMargin - 8 - y_; }
  bool at_top() const { return y_ <= kMargin; }

  cairo_t* const cairo_;
  cairo_surface_t* const surface_;
  const std::string footer_;
  const size_t pages_;
  size_t page_ = 1;
  double y_ = kMargin;
  int heading_ = 0;  ///< the outline's entry that others stand below
};

cairo_status_t Append(void* bytes, const unsigned char* data, unsigned length) {
  static_cast<std::string*>(bytes)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

void SetMetadata(cairo_surface_t* surface, const Document& document) {
  const auto set = [&](cairo_pdf_metadata_t field, const std::string& text) {
    cairo_pdf_surface_set_metadata(surface, field, ValidUtf8(text).c_str());
  };
  set(CAIRO_PDF_METADATA_TITLE, document.title);
  set(CAIRO_PDF_METADATA_SUBJECT, document.subject);
  set(CAIRO_PDF_METADATA_KEYWORDS, absl::StrJoin(document.keywords, ", "));
  set(CAIRO_PDF_METADATA_CREATOR, document.creator);
  if (!document.created.empty()) set(CAIRO_PDF_METADATA_CREATE_DATE, document.created);
}

/// Lays the document out on a PDF of `pages` pages in all, as far as the page numbers know; returns how many there are.
absl::StatusOr<size_t> Render(const Document& document, const std::vector<Drawing>& drawings, size_t pages,
                              std::string* bytes) {
  bytes->clear();
  const std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)> surface(
      cairo_pdf_surface_create_for_stream(&Append, bytes, kPageWidth, kPageHeight), &cairo_surface_destroy);
  SetMetadata(surface.get(), document);
  const std::unique_ptr<cairo_t, decltype(&cairo_destroy)> cairo(cairo_create(surface.get()), &cairo_destroy);
  PageLayout layout(cairo.get(), surface.get(), document.footer, pages);
  layout.LayOut(document, drawings);
  cairo_surface_finish(surface.get());
  for (const cairo_status_t status : {cairo_status(cairo.get()), cairo_surface_status(surface.get())}) {
    if (status != CAIRO_STATUS_SUCCESS) {
      return absl::InternalError(absl::StrCat("cannot write the PDF: ", cairo_status_to_string(status)));
    }
  }
  return layout.pages();
}

}  // namespace

absl::Status CheckRequirements() {
  RETURN_IF_ERROR(CheckGnuplot());
  if (FindFont() != InstalledFont::kNone) return absl::OkStatus();
  return absl::NotFoundError("reports need a font with letters, and none is installed (Debian package: fonts-inter)");
}

std::string FontRemark() {
  if (FindFont() == InstalledFont::kInter) return "";
  return "the font Inter is not installed (Debian package: fonts-inter), so reports use another font";
}

absl::StatusOr<std::string> RenderPdf(const Document& document) {
  std::vector<Drawing> drawings;
  for (const Block& block : document.blocks) {
    const auto* chart = std::get_if<Chart>(&block);
    if (chart == nullptr) continue;
    Drawing& drawing = drawings.emplace_back();
    drawing.why_empty = WhyEmpty(*chart);
    if (!drawing.why_empty.empty()) continue;
    ASSIGN_OR_RETURN(drawing.svg, DrawChart(*chart, SizeOf(*chart)));
  }
  std::string bytes;
  ASSIGN_OR_RETURN(const size_t pages, Render(document, drawings, 0, &bytes));
  RETURN_IF_ERROR(Render(document, drawings, pages, &bytes).status());
  return bytes;
}

}  // namespace roberta::loadtest::document
