#pragma once

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "profiles/quality/sample.h"

namespace roberta::quality {

/// How often answers of one label of several are right, and how well their scores say so.
struct LabelMetrics {
  std::vector<std::vector<size_t>> confusion;  ///< [true label][answered label], in examples
  double accuracy = 0;                         ///< share of the examples that are right
  /// Mean over the labels that are true or answered somewhere of F1 = 2 TP / (2 TP + FP + FN).
  double macro_f1 = 0;
  /// Expected calibration error: over 15 bins of equal width of the highest score, (0, 1/15] and so on, the mean
  /// distance between the share that is right and the mean score, weighted by examples (Guo et al. 2017).
  double expected_calibration_error = 0;
};

/// Of the `scores` [examples, labels], which are probabilities, on examples that all have a label; one at least.
LabelMetrics MeasureLabels(absl::Span<const float> scores, const Sample& sample);

}  // namespace roberta::quality
