#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "loadtest/document/content.h"

namespace roberta::loadtest::document {

// Words of a gnuplot script. Whatever bytes a text has, it ends up as text: none is taken for an end of a string, a
// command, markup or a new line. Typographic quotes and slashes stand in the places of those that could be.

/// As a single-quoted string.
std::string Quoted(const std::string& text);
/// As a tick's label, which is a format as well.
std::string TickLabel(const std::string& text);
/// As a double-quoted tick's label of lines of about `columns` bytes, broken where words end.
std::string InLines(const std::string& text, size_t columns);
/// Bytes of the longest part of `text` that InLines breaks only if it must.
size_t LongestPart(const std::string& text);
/// Lines of what InLines made.
size_t CountLines(const std::string& in_lines);
/// Letters that fit below one of `categories` of a chart that is `width` points wide.
size_t ColumnsOf(double width, size_t categories);
/// The commands that set names below the x axis of a chart of that width, each at its x, in lines where they are long,
/// with room for them and for the axis' own. Of no names: no ticks.
std::string CategoryNames(const std::vector<std::pair<double, std::string>>& names, double width,
                          const std::string& axis_label);
/// NaN, as gnuplot writes it, for infinities and NaN.
std::string Number(double value);
/// As a color's name.
std::string Hex(const Color& color);

}  // namespace roberta::loadtest::document
