#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace roberta::terminal {

/// `text` (valid UTF-8) in exactly `columns` columns of a terminal: control characters, which could drive the terminal,
/// become spaces; what is too long ends in "…"; what is too short is filled with spaces.
std::string FitToColumns(std::string_view text, size_t columns);

/// `text` (valid UTF-8) as it is, but for control characters, which become spaces.
std::string Shown(std::string_view text);

/// Columns that `text` (valid UTF-8) takes: wide characters (East Asian, emoji) two, combining ones none.
size_t ColumnsOf(std::string_view text);

/// Width of the terminal behind `fd`; `otherwise` where there is none.
size_t TerminalColumns(int fd, size_t otherwise);

/// Rows under a header, cells of valid UTF-8: two spaces between columns, each as wide as its widest cell, none after
/// the last. All rows have as many cells as the first.
std::string TableText(const std::vector<std::vector<std::string>>& rows);

}  // namespace roberta::terminal
