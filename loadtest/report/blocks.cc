#include "loadtest/report/blocks.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "loadtest/report/presentation.h"

namespace roberta::loadtest::report {

void Append(Blocks more, Blocks* blocks) {
  for (Block& block : more) blocks->push_back(std::move(block));
}

Table WithoutEmptyColumns(const Table& table) {
  Table slim = {table.caption, {}, std::vector<std::vector<Cell>>(table.rows.size())};
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const bool empty = std::all_of(table.rows.begin(), table.rows.end(), [&](const std::vector<Cell>& row) {
      return i >= row.size() || row[i].text.empty();
    });
    if (empty) continue;
    slim.columns.push_back(table.columns[i]);
    for (size_t row = 0; row < table.rows.size(); ++row) {
      slim.rows[row].push_back(i < table.rows[row].size() ? table.rows[row][i] : Cell());
    }
  }
  return slim;
}

Cell RangeCell(const Spread& spread, int decimals, bool strong) {
  const std::string low = Decimals(spread.low, decimals), high = Decimals(spread.high, decimals);
  return {.text = Decimals(spread.median, decimals),
          .strong = strong,
          .swatch = {},
          .note = low == high ? "" : absl::StrCat(low, " to ", high)};
}

Blocks MissingNote(const std::vector<std::string>& reasons) {
  if (reasons.empty()) return {};
  return {
      Paragraph{absl::StrCat("Not measured, at least in part: ", absl::StrJoin(reasons, "; "), "."), TextStyle::kNote}};
}

}  // namespace roberta::loadtest::report
