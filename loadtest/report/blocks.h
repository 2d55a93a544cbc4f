#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "loadtest/document/content.h"
#include "loadtest/report/profile_runs.h"

namespace roberta::loadtest::report {

// What sections are made of.
using document::Align;
using document::BarChart;
using document::Block;
using document::Cell;
using document::Chart;
using document::Heading;
using document::LineChart;
using document::Paragraph;
using document::Point;
using document::Table;
using document::TextStyle;
using Blocks = std::vector<Block>;

void Append(Blocks more, Blocks* blocks);

/// `table` without its empty columns.
Table WithoutEmptyColumns(const Table& table);

/// The median, and below it the lowest and the highest where they differ.
Cell RangeCell(const Spread& spread, int decimals, bool strong);

/// Why `part` is missing in `runs`, each reason once.
template <typename Part>
std::vector<std::string> Reasons(const RunPointers& runs, Part RunRecord::*part) {
  std::vector<std::string> reasons;
  for (const RunRecord* run : runs) {
    const std::string& reason = (run->*part).missing;
    const bool known = std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
    if (!reason.empty() && !known) reasons.push_back(reason);
  }
  return reasons;
}

/// "Not measured: " and the reasons; nothing without one.
Blocks MissingNote(const std::vector<std::string>& reasons);

}  // namespace roberta::loadtest::report
