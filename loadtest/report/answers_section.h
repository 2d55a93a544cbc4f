#pragma once

#include <vector>

#include "loadtest/report/answers.h"
#include "loadtest/report/presentation.h"

namespace roberta::loadtest::report {

/// Accuracy, agreement, flips, calibration.
Blocks AnswersSection(const std::vector<ProfileRuns>& sorted);

/// A profile's points of accuracy from baseline, with their interval below; empty for baseline.
Cell DifferenceCell(const Answers& answers, bool is_baseline);

Block AccuracyChart(const std::vector<ProfileRuns>& sorted);  ///< half as wide

}  // namespace roberta::loadtest::report
