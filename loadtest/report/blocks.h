#pragma once

#include <string>
#include <vector>

#include "loadtest/document/content.h"
#include "loadtest/record/run_record.h"
#include "loadtest/report/profile_runs.h"

namespace roberta::loadtest::report {

using document::Block;
using Blocks = std::vector<Block>;

void Append(Blocks more, Blocks* blocks);

/// `table` without its empty columns.
document::Table WithoutEmptyColumns(const document::Table& table);

/// The median, and below it the lowest and the highest where they differ.
document::Cell RangeCell(const Spread& spread, int decimals, bool strong);

/// "Not measured: " and why, of the reasons that `reason_of` finds in the runs; nothing if it finds none.
Blocks MissingNote(const std::vector<ProfileRuns>& sorted, std::string (*reason_of)(const record::RunRecord&));

}  // namespace roberta::loadtest::report
