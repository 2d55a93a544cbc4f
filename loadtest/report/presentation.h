#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

inline constexpr char kNotMeasured[] = "not measured";

/// "12,345"; below 0 counts as 0.
std::string Count(int64_t value);

/// For running text: three digits, or more where it is whole: "12,345", "404", "31.7", "0.412".
std::string Digits(double value);

/// "1234.50 %" as "1,234.50 %", "-1" with a minus of its own; other text stays as it is.
std::string WithSeparators(const std::string& number);

/// For columns, whose numbers have as many decimals as `decimals` says: "1,234.50".
std::string Decimals(double value, int decimals);
/// Its median, or "not measured".
std::string Decimals(const std::optional<Spread>& spread, int decimals);

/// "88.30 %", or "not measured".
std::string Percent(const std::optional<double>& share);
/// As "quantized, amp and pruned".
std::string List(const std::vector<std::string>& names);

/// "a run", "3 runs".
std::string Some(size_t count, const std::string& one, const std::string& many);

/// Columns of text, then of numbers, then of text again.
std::vector<document::Column> Columns(const std::vector<std::string>& texts,
                                      const std::vector<std::string>& numbers = {},
                                      const std::vector<std::string>& more_texts = {});

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
    const bool known = std::ranges::find(reasons, reason) != reasons.end();
    if (!reason.empty() && !known) reasons.push_back(reason);
  }
  return reasons;
}

/// "Not measured: " and the reasons; nothing without one.
Blocks MissingNote(const std::vector<std::string>& reasons);

/// How a profile looks, the same in every chart of every report: eight colors that color-blind readers can tell apart
/// (Okabe and Ito, "Color Universal Design", 2008). A profile of another name gets one by its `index` among the others.
document::SeriesStyle StyleOf(std::string_view profile, size_t index);

/// How a phase of a call looks: "tokenize", "queue", "form", "infer", "post", "outside".
document::SeriesStyle PhaseStyle(std::string_view phase);

}  // namespace roberta::loadtest::report
