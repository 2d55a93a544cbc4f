#include "loadtest/document/pdf.h"

#include <cairo-pdf.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "loadtest/document/chart_script.h"
#include "loadtest/document/page_layout.h"
#include "loadtest/document/text.h"

namespace roberta::loadtest::document {

namespace {

struct DestroySurface {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct DestroyCairo {
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
};

cairo_status_t Append(void* bytes, const unsigned char* data, unsigned length) {
  static_cast<std::string*>(bytes)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

void SetMetadata(cairo_surface_t* surface, const Document& document) {
  std::string keywords;
  for (const std::string& keyword : document.keywords)
    absl::StrAppend(&keywords, keywords.empty() ? "" : ", ", keyword);
  const auto set = [&](cairo_pdf_metadata_t field, const std::string& text) {
    cairo_pdf_surface_set_metadata(surface, field, ValidUtf8(text).c_str());
  };
  set(CAIRO_PDF_METADATA_TITLE, document.title);
  set(CAIRO_PDF_METADATA_SUBJECT, document.subject);
  set(CAIRO_PDF_METADATA_KEYWORDS, keywords);
  set(CAIRO_PDF_METADATA_CREATOR, document.creator);
  if (!document.created.empty()) {
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, document.created.c_str());
  }
}

/// Lays the document out on a PDF of `pages` pages in all, as far as the page numbers know; returns how many there are.
absl::StatusOr<size_t> Render(const Document& document, const std::vector<Drawing>& drawings, size_t pages,
                              std::string* bytes) {
  bytes->clear();
  const std::unique_ptr<cairo_surface_t, DestroySurface> surface(
      cairo_pdf_surface_create_for_stream(&Append, bytes, kPageWidth, kPageHeight));
  SetMetadata(surface.get(), document);
  const std::unique_ptr<cairo_t, DestroyCairo> cairo(cairo_create(surface.get()));
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
  if (absl::Status status = CheckGnuplot(); !status.ok()) return status;
  if (FindFont() != InstalledFont::kNone) return absl::OkStatus();
  return absl::NotFoundError("reports need a font, and none is installed (Debian package: fonts-inter)");
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
    absl::StatusOr<std::string> svg = DrawChart(*chart, SizeOf(*chart));
    if (!svg.ok()) return svg.status();
    drawing.svg = *std::move(svg);
  }
  std::string bytes;
  const absl::StatusOr<size_t> pages = Render(document, drawings, 0, &bytes);
  if (!pages.ok()) return pages.status();
  if (const auto again = Render(document, drawings, *pages, &bytes); !again.ok()) return again.status();
  return bytes;
}

}  // namespace roberta::loadtest::document
