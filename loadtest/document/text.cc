#include "loadtest/document/text.h"

#include <pango/pangocairo.h>

#include <algorithm>
#include <sstream>

namespace roberta::loadtest::document {

namespace {

constexpr char kFamily[] = "Inter, DejaVu Sans, sans-serif";

PangoLayout* NewLayout(cairo_t* cairo) {
  PangoLayout* layout = pango_cairo_create_layout(cairo);
  PangoContext* context = pango_layout_get_context(layout);
  pango_cairo_context_set_resolution(context, 72);
  // What is measured must not depend on a screen's pixels.
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  pango_cairo_context_set_font_options(context, options);
  cairo_font_options_destroy(options);
  pango_context_set_round_glyph_positions(context, FALSE);
  return layout;
}

void SetFont(PangoLayout* layout, const Font& font) {
  PangoFontDescription* description = pango_font_description_new();
  pango_font_description_set_family(description, kFamily);
  pango_font_description_set_absolute_size(description, font.size * PANGO_SCALE);
  pango_font_description_set_weight(description, font.weight);
  pango_layout_set_font_description(layout, description);
  pango_font_description_free(description);
  PangoAttrList* attributes = pango_attr_list_new();
  pango_attr_list_insert(attributes, pango_attr_font_features_new("tnum=1"));
  pango_layout_set_attributes(layout, attributes);
  pango_attr_list_unref(attributes);
}

}  // namespace

std::string ValidUtf8(const std::string& text) {
  gchar* valid = g_utf8_make_valid(text.data(), static_cast<gssize>(text.size()));
  std::string copy = valid;
  g_free(valid);
  return copy;
}

void SetSource(cairo_t* cairo, const Color& color) {
  cairo_set_source_rgb(cairo, color.red / 255.0, color.green / 255.0, color.blue / 255.0);
}

Text::Text(cairo_t* cairo, const std::string& text, const Font& font, double width, PangoAlignment alignment)
    : cairo_(cairo), font_(font), layout_(NewLayout(cairo)) {
  SetFont(layout_.get(), font);
  pango_layout_set_text(layout_.get(), ValidUtf8(text).c_str(), -1);
  pango_layout_set_alignment(layout_.get(), alignment);
  pango_layout_set_spacing(layout_.get(), static_cast<int>(font.size * 0.22 * PANGO_SCALE));
  if (width >= 0) {
    pango_layout_set_width(layout_.get(), static_cast<int>(width * PANGO_SCALE) + 1);
    pango_layout_set_wrap(layout_.get(), PANGO_WRAP_WORD_CHAR);
  }
  PangoRectangle logical;
  pango_layout_get_extents(layout_.get(), nullptr, &logical);
  width_ = static_cast<double>(logical.width) / PANGO_SCALE;
  height_ = static_cast<double>(logical.height) / PANGO_SCALE;
}

int Text::lines() const {
  return pango_layout_get_line_count(layout_.get());
}

double Text::LineHeight(int line) const {
  PangoRectangle logical;
  pango_layout_line_get_extents(pango_layout_get_line_readonly(layout_.get(), line), nullptr, &logical);
  return static_cast<double>(logical.height) / PANGO_SCALE + font_.size * 0.22;
}

void Text::Draw(double x, double y) const {
  SetSource(cairo_, font_.color);
  cairo_move_to(cairo_, x, y);
  pango_cairo_show_layout(cairo_, layout_.get());
}

void Text::DrawLine(int line, double x, double y) const {
  SetSource(cairo_, font_.color);
  PangoLayoutLine* laid_out = pango_layout_get_line_readonly(layout_.get(), line);
  PangoRectangle logical;
  pango_layout_line_get_extents(laid_out, nullptr, &logical);
  cairo_move_to(cairo_, x, y - static_cast<double>(logical.y) / PANGO_SCALE);
  pango_cairo_show_layout_line(cairo_, laid_out);
}

InstalledFont FindFont() {
  // Whatever is installed, symbols alone for example: what counts is whether letters come out.
  const std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)> surface(
      cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1), &cairo_surface_destroy);
  const std::unique_ptr<cairo_t, decltype(&cairo_destroy)> cairo(cairo_create(surface.get()), &cairo_destroy);
  const std::unique_ptr<PangoLayout, decltype(&g_object_unref)> layout(NewLayout(cairo.get()), &g_object_unref);
  SetFont(layout.get(), {});
  pango_layout_set_text(layout.get(), "AZ az 09", -1);
  if (pango_layout_get_unknown_glyphs_count(layout.get()) > 0) return InstalledFont::kNone;
  PangoFontFamily* inter = pango_font_map_get_family(pango_cairo_font_map_get_default(), "Inter");
  return inter != nullptr ? InstalledFont::kInter : InstalledFont::kAnother;
}

double LongestWord(cairo_t* cairo, const std::string& text, const Font& font) {
  std::istringstream words(text);
  double longest = 0;
  for (std::string word; words >> word;) longest = std::max(longest, Text(cairo, word, font).width());
  return longest;
}

}  // namespace roberta::loadtest::document
