#pragma once

#include <string>
#include <vector>

namespace roberta::terminal {

/// Rows under a header, cells of valid UTF-8: two spaces between columns, each as wide as its widest cell, none after
/// the last. All rows have as many cells as the first.
std::string TableText(const std::vector<std::vector<std::string>>& rows);

}  // namespace roberta::terminal
